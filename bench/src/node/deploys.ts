import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { spread } from '../statistics.ts'
import { table } from '../table.ts'
import { runCommand, startCommand } from './command.ts'
import { Stream } from './stream.ts'

const NODE_MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url))
const PARTITIONS = 4
const CONTAINERS = 2

/** Counts by key, and passes each record on once. `steps`: more steps, which change the plan of the job. */
function jobFile(version: number, steps: string): string {
  return `
import { job, json, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const passedOn = topic('passed-on', { key: string(), value: json<number>() })
const version = ${version}
const passed = stream(numbers).filter((value) => value >= 0 && version > 0)${steps}
export default job('passing', stream(numbers).groupByKey().count('counts'), passed.to(passedOn))
`
}

interface Times {
  readonly firstRecordMs: number
  /** Longest pauses of a partition: with nothing changed, in an upgrade of a function, of the steps, and after a kill. */
  readonly undisturbedMs: number
  readonly upgradeMs: number
  readonly changedStepsMs: number
  readonly killMs: number
}

/**
 * Measures what users of a job notice while it is deployed, upgraded and killed: a stream of records through it, one in each
 * partition each 5 ms, and the longest time for which a partition passes none on. Every record comes out once. `watchMs`: how
 * long the stream is watched after each change.
 */
export async function runDeploys(repeats: number, watchMs: number): Promise<string> {
  const runs: Times[] = []
  for (let repeat = 0; repeat < repeats; repeat++) runs.push(await timesOf(watchMs))
  const row = (what: string, times: (run: Times) => number) => [what, spread(runs.map(times), 0)]
  return table(
    [`a job in ${CONTAINERS} containers, ${PARTITIONS} partitions`, 'ms'],
    [
      row('from `millrace deploy` to the first record that comes out', (run) => run.firstRecordMs),
      row('longest pause of a partition: nothing changed', (run) => run.undisturbedMs),
      row('… `millrace upgrade`, another function', (run) => run.upgradeMs),
      row('… `millrace upgrade`, other steps', (run) => run.changedStepsMs),
      row('… `kill -9` of a container', (run) => run.killMs),
    ],
  )
}

async function timesOf(watchMs: number): Promise<Times> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  symlinkSync(NODE_MODULES, join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const data = join(folder, 'data')
  const file = (version: number, steps = '') => {
    const path = join(folder, `job-${version}.ts`)
    writeFileSync(path, jobFile(version, steps))
    return path
  }
  const node = startCommand(['up', '--port', '0', '--healthy-after', '1s', '--data', data])
  try {
    await once(node.stderr ?? node, 'data')
    const stream = await Stream.start(data, PARTITIONS)
    const deploy = (path: string) =>
      runCommand(['deploy', path, '--containers', `${CONTAINERS}`, '--no-check', '--data', data])
    const pausedBy = async (change: () => Promise<unknown>) => {
      const sinceMs = performance.now()
      await change()
      await setTimeout(watchMs)
      return stream.longestPauseMs(sinceMs)
    }
    const startedMs = performance.now()
    const deploying = deploy(file(1))
    // A deploy that fails ends the wait.
    await Promise.race([stream.first(), deploying.then(() => stream.first())])
    const firstRecordMs = performance.now() - startedMs
    await deploying
    const undisturbedMs = await pausedBy(() => setTimeout(watchMs))
    const upgradeMs = await pausedBy(() => deploy(file(2)))
    const changedStepsMs = await pausedBy(() => deploy(file(3, '.map((value, key) => [key, value])')))
    const killMs = await pausedBy(async () => {
      const { containers } = JSON.parse(await runCommand(['status', 'passing', '--json', '--data', data]))
      process.kill(containers[0].pid, 'SIGKILL')
      await setTimeout(watchMs)
    })
    await stream.end()
    return { firstRecordMs, undisturbedMs, upgradeMs, changedStepsMs, killMs }
  } finally {
    node.kill('SIGTERM')
    await once(node, 'close')
    rmSync(folder, { recursive: true, force: true })
  }
}

import { closeSync, cpSync, existsSync, fdatasyncSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seededRandom } from '../flights/seeded-random.ts'
import { check } from './check.ts'
import { EVERYTHING, needs, TIMEOUT_MS, trials } from './extent.ts'
import { ORDERS_A_ROUND, ScratchDirectory, startJob } from './job-process.ts'
import { Outcomes } from './outcomes.ts'
import { randomMoment } from './random-moment.ts'
import { hasLoopDevices, missingForPowerCuts, SmallDisk } from './small-disk.ts'

/** The number of cuts. MILLRACE_POWER_CUTS sets another. */
const CUTS = Number(process.env['MILLRACE_POWER_CUTS'] ?? (EVERYTHING ? 1000 : trials(14)))
/** After so many cuts, a new data directory is begun: its first cut falls while everything in it is created. */
const CUTS_A_DIRECTORY = 6
/** Every so many cuts, one falls anywhere in the start of the process; the others fall once records flow. */
const START_CUT_EVERY = 3
const MOMENT_MS = 200

test('after a power cut at any moment everything that was acknowledged is there, and the job continues with the right result', {
  timeout: TIMEOUT_MS,
}, async (context) => {
  const missing = missingForPowerCuts()
  needs(context, missing === undefined, missing ?? '')
  if (!hasLoopDevices()) context.skip('needs loop devices, which this kernel does not have')
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  console.log(`SEED=${seed}`)
  const random = seededRandom(seed)
  const outcomes = new Outcomes('power cuts')
  using disk = new SmallDisk()
  let acknowledged = 0
  let flowing = 0
  for (let cut = 0; cut < CUTS; cut++) {
    const inStart = cut % START_CUT_EVERY === 0
    if (!inStart) flowing++
    if (cut % CUTS_A_DIRECTORY === 0) acknowledged = 0
    const directory = `${disk.path}/${Math.floor(cut / CUTS_A_DIRECTORY)}`
    const reached = await runUntilCut({ disk, directory, boot: `boot ${cut}`, inStart }, random, outcomes)
    acknowledged = Math.max(acknowledged, reached)
    // The next run continues with the data that the cut left. A copy of it is checked.
    using copy = new ScratchDirectory()
    if (existsSync(directory)) cpSync(directory, copy.path, { recursive: true })
    const where = `SEED=${seed}, cut ${cut}`
    const options = { acknowledged, orders: acknowledged + 2 * ORDERS_A_ROUND, boot: `boot ${cut + 1}` }
    outcomes.classify(where, await check(copy.path, options))
  }
  outcomes.report()
  expect(outcomes.violations).toEqual([])
  expect(outcomes.of('where records flowed')).toBeGreaterThanOrEqual(flowing)
})

interface PlannedCut {
  readonly disk: SmallDisk
  readonly directory: string
  readonly boot: string
  readonly inStart: boolean
}

/** Runs the job, cuts the power during the run, and mounts the disk again. Returns how far the input was acknowledged. */
async function runUntilCut(
  { disk, directory, boot, inStart }: PlannedCut,
  random: () => number,
  outcomes: Outcomes,
): Promise<number> {
  const { child, end } = startJob(directory, { orders: 1_000_000, boot })
  // Its first line acknowledges orders.
  if (!inStart) await firstLine(child.stdout)
  await randomMoment(random() * MOMENT_MS)
  child.kill('SIGSTOP')
  // The kernel may have written any part of the data that is not synced. Here it has written some files.
  if (random() < 0.5 && existsSync(directory)) syncSome(directory, random)
  disk.cutPower()
  child.kill('SIGKILL')
  const { signal, acknowledged, output } = await end
  outcomes.tried()
  if (signal !== 'SIGKILL') outcomes.violation('before the cut', output)
  if (acknowledged > 0) outcomes.count('where records flowed')
  disk.restorePower()
  return acknowledged
}

function firstLine(stdout: NodeJS.ReadableStream | null): Promise<void> {
  return new Promise((resolve) => {
    stdout?.once('data', () => resolve())
    stdout?.once('end', () => resolve())
  })
}

function syncSome(directory: string, random: () => number): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || random() < 0.8) continue
    const path = join(entry.parentPath, entry.name)
    // A call that was in progress when the process was stopped may still have removed the file.
    if (!existsSync(path)) continue
    const file = openSync(path, 'r')
    fdatasyncSync(file)
    closeSync(file)
  }
}

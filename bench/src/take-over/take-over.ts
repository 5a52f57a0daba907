import { strictEqual } from 'node:assert'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openFileLog } from '@millrace/connectors/file'
import { openTopicWriter } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { runJob } from '../jobs/run-job.ts'
import { preparedDirectory } from '../prepared-directory.ts'
import { withRunDirectory } from '../run-directory.ts'
import { copyData } from '../state/accounts.ts'
import { spread } from '../statistics.ts'
import { table } from '../table.ts'
import { entries, keptJob, VALUE_BYTES } from './kept-job.ts'
import type { MemberReport } from './member.ts'

const MEMBER = fileURLToPath(new URL('member.ts', import.meta.url))

/** What the process that takes over has of the task's state. */
const BEGINNINGS = [
  { name: 'a standby', standbys: 1, keepsState: true },
  { name: 'the local state that the killed process left', standbys: 0, keepsState: true },
  { name: 'nothing: it reads the changelog', standbys: 0, keepsState: false },
] as const

interface TakeOver {
  readonly seconds: number
  readonly restored: number
}

/**
 * Measures how long a task is away after the `kill -9` of its process: until the view of another process answers for it. The
 * state has so many bytes of values, and is in the page cache.
 */
export async function runTakeOver(stateBytes: number, repeats: number): Promise<string> {
  const keys = Math.ceil(stateBytes / VALUE_BYTES)
  const from = await prepareKept(keys)
  const found = BEGINNINGS.map((): TakeOver[] => [])
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [at, beginning] of BEGINNINGS.entries()) {
      found[at]?.push(await withRunDirectory(undefined, (data) => takeOver(from, `${data}/run`, beginning)))
    }
  }
  const rows = BEGINNINGS.map(({ name }, at) => [
    name,
    spread(
      (found[at] ?? []).map(({ seconds }) => seconds),
      2,
    ),
    spread(
      (found[at] ?? []).map(({ restored }) => restored),
      0,
    ),
  ])
  const size = `${Math.round((keys * VALUE_BYTES) / 1e6).toLocaleString('en')} MB in ${keys.toLocaleString('en')} keys`
  return table([`take-over of ${size}, with`, 's until it answers', 'changelog records read'], rows)
}

/** A data directory whose job has its state. */
function prepareKept(keys: number): Promise<string> {
  return preparedDirectory(`kept-${keys}`, async (directory) => {
    const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
    await log.admin.createTopic('entries')
    const writer = await openTopicWriter(log, entries)
    for (let n = 0; n < keys; n++) {
      const value = String(n).padStart(VALUE_BYTES, '.')
      if (!writer.send({ key: `key-${n}`, value, timestamp: n })) await writer.flush()
    }
    await writer.close()
    await log.close()
    strictEqual(await runJob(directory, keptJob), keys, 'The job did not process every record')
  })
}

async function takeOver(
  from: string,
  data: string,
  { standbys, keepsState }: (typeof BEGINNINGS)[number],
): Promise<TakeOver> {
  copyData(from, data)
  const members: ChildProcess[] = []
  const begin = async (kind: MemberReport['kind']) => {
    const child = fork(MEMBER, [data, String(standbys)], { execArgv: ['--conditions=millrace-source'] })
    members.push(child)
    await reported(child, kind)
    return child
  }
  try {
    const owner = await begin('has task')
    const successor = await begin(standbys > 0 ? 'ready' : 'started')
    // The owner's files stay open; no other process finds them.
    if (!keepsState) rmSync(`${data}/state`, { recursive: true })
    const taken = reported(successor, 'has task')
    const killedMs = performance.timeOrigin + performance.now()
    owner.kill('SIGKILL')
    const report = await taken
    if (report.kind !== 'has task') throw new Error('The process does not have the task')
    return { seconds: (report.atMs - killedMs) / 1000, restored: report.restored }
  } finally {
    for (const child of members) child.kill('SIGKILL')
    await Promise.all(members.map((child) => (child.exitCode ?? child.signalCode) === null && once(child, 'exit')))
  }
}

/** Waits for a report of a process; rejects if the process ends before. */
function reported(child: ChildProcess, kind: MemberReport['kind']): Promise<MemberReport> {
  return new Promise((resolve, reject) => {
    child.on('message', (report: MemberReport) => {
      if (report.kind === kind) resolve(report)
    })
    child.once('exit', (code) =>
      reject(new Error(`A process of the job ended with ${code} before it reported "${kind}"`)),
    )
  })
}

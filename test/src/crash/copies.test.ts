import { copyFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openFileLog } from '@millrace/connectors/file'
import type { ErrorCode } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { seededRandom } from '../flights/seeded-random.ts'
import { check } from './check.ts'
import { makeTopics } from './crash-job.ts'
import { readFiles } from './damaged-data.ts'
import { EVERYTHING, forEach, TIMEOUT_MS } from './extent.ts'
import { ORDERS_A_ROUND, ScratchDirectory } from './job-process.ts'
import { Member } from './member-process.ts'
import { appendOrders } from './orders.ts'
import { Outcomes } from './outcomes.ts'
import { randomMoment } from './random-moment.ts'

/** Copies in `npm test`; with `npm run crash` as many as it takes to meet what is rare. Others with MILLRACE_COPIES. */
const COPIES = Number(process.env['MILLRACE_COPIES'] ?? (EVERYTHING ? 300 : 12))
/** The files of one copy are copied at moments that lie so far apart at most: a few of the job's commits. */
const MOMENT_MS = 4
/** An order comes at least this often: fast enough that every commit has some, slow enough that checking takes little. */
const ORDER_MS = 20
const SESSION_TIMEOUT_MS = 10_000
/** The data grows while it is copied: after so many copies another job begins, so that checking them stays cheap. */
const COPIES_A_ROUND = 12

/** A set of files that never stood beside each other may be refused with these. */
const REFUSALS: readonly ErrorCode[] = ['LOG_PARTS_DIFFER', 'INPUT_LOST', 'LOG_DAMAGED', 'TOPIC_MISSING']

/** What is copied at one moment: a file, or all files of a partition, the tail first, as it only grows. */
type Unit = 'file' | 'partition'

test.for<Unit>(['file', 'partition'])(
  'copies of a live directory, each %s of another moment, give the right result or are refused',
  {
    timeout: TIMEOUT_MS,
  },
  async (unit) => {
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
    console.log(`SEED=${seed}`)
    const random = seededRandom(seed)
    const outcomes = new Outcomes(`staggered copies, each ${unit} of another moment`)
    for (let left = COPIES; left > 0; left -= COPIES_A_ROUND) {
      await copyAndCheck(unit, Math.min(left, COPIES_A_ROUND), random, outcomes, `SEED=${seed}`)
    }
    outcomes.report()
    expect(outcomes.violations).toEqual([])
  },
)

/** Runs the job over orders that come, copies its data meanwhile, and checks what came of the copies. */
async function copyAndCheck(unit: Unit, count: number, random: () => number, outcomes: Outcomes, seed: string) {
  using live = new ScratchDirectory()
  const copies: ScratchDirectory[] = []
  const log = await openFileLog({ directory: live.path, env: nodeEnv(), durability: 'os' })
  await makeTopics(log)
  const members = [0, 1].map(() => new Member(live.path, SESSION_TIMEOUT_MS))
  let orders = 0
  let copying = true
  const producing = async () => {
    while (copying) {
      await appendOrders(log, ++orders)
      await randomMoment(random() * ORDER_MS)
    }
  }
  try {
    await Promise.all(members.map((member) => member.joined()))
    const produced = producing()
    while (copies.length < count) copies.push(await staggeredCopy(live.path, unit, random))
    copying = false
    await produced
  } finally {
    for (const member of members) member.signal('SIGKILL')
    await Promise.all(members.map((member) => member.ended))
    await log.close()
  }
  for (const { failure } of members) if (failure !== undefined) outcomes.violation('a member', failure)
  await forEach(copies, async (copy, index) => {
    outcomes.tried()
    // Every other copy is opened in another boot of the machine: what is not known to be synced is looked at then.
    const boot = index % 2 === 0 ? undefined : 'another boot'
    const verdict = await check(copy.path, { orders: orders + ORDERS_A_ROUND, rebuild: false, boot })
    if (verdict.refusal === undefined) outcomes.count('right')
    outcomes.judge(`copy ${index}, ${seed}`, verdict, REFUSALS)
    copy[Symbol.dispose]()
  })
}

/** Copies every file once, units in random order, while the others are written to. */
async function staggeredCopy(from: string, unit: Unit, random: () => number): Promise<ScratchDirectory> {
  const copy = new ScratchDirectory()
  // Some copies fall between two commits or hardly beyond, others over many.
  const momentMs = MOMENT_MS * random() ** 2
  const units = [...new Set(readFiles(from).map((file) => unitOf(file, unit)))]
  for (const { name } of units.map((name) => ({ name, order: random() })).sort((a, b) => a.order - b.order)) {
    const files = PARTITION.test(name) ? readFiles(join(from, name)).map((file) => join(name, file)) : [name]
    for (const file of files.sort((a, b) => Number(b.endsWith('/tail')) - Number(a.endsWith('/tail')))) {
      copyIfThere(join(from, file), join(copy.path, file))
    }
    if (momentMs > 1) await randomMoment(random() * momentMs)
  }
  return copy
}

const PARTITION = /^topics\/[^/]+\/\d+$/

function unitOf(file: string, unit: Unit): string {
  const directory = dirname(file)
  return unit === 'partition' && PARTITION.test(directory) ? directory : file
}

function copyIfThere(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  try {
    copyFileSync(from, to)
  } catch (error) {
    // It was removed since the files were listed.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

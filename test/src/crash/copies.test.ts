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
import { EVERYTHING, forEach, TIMEOUT_MS, trials } from './extent.ts'
import { ORDERS_A_ROUND, ScratchDirectory } from './job-process.ts'
import { Member } from './member-process.ts'
import { appendOrders } from './orders.ts'
import { Outcomes } from './outcomes.ts'
import { randomMoment } from './random-moment.ts'

/** The number of copies in `npm test`; with `npm run crash` enough to meet rare cases. MILLRACE_COPIES sets another. */
const COPIES = Number(process.env['MILLRACE_COPIES'] ?? (EVERYTHING ? 300 : trials(12)))
/** The files of one copy are copied at moments that are at most so far apart: a few of the job's commits. */
const MOMENT_MS = 4
/** An order is appended at least this often: often enough for every commit to have some, and rarely enough for short checks. */
const ORDER_MS = 20
const SESSION_TIMEOUT_MS = 10_000
/** The data grows during the copies. After so many of them another job begins, so that the checks stay cheap. */
const COPIES_A_ROUND = 12

/** Files that never existed together may be refused with these codes. */
const REFUSALS: readonly ErrorCode[] = ['LOG_PARTS_DIFFER', 'INPUT_LOST', 'LOG_DAMAGED', 'TOPIC_MISSING']

/** What is copied at one moment: a file, or all files of a partition. The tail is copied first, since it only grows. */
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

/** Runs the job while orders are appended, copies its data meanwhile, and checks the copies. */
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
    // Every other copy is opened as after another boot of the machine: then the data that is not known to be synced is checked.
    const boot = index % 2 === 0 ? undefined : 'another boot'
    const checked = await check(copy.path, { orders: orders + ORDERS_A_ROUND, rebuild: false, boot })
    if (checked.refusal === undefined) outcomes.count('right')
    outcomes.classify(`copy ${index}, ${seed}`, checked, REFUSALS)
    copy[Symbol.dispose]()
  })
}

/** Copies every file once, unit by unit in random order, while the job writes to the other files. */
async function staggeredCopy(from: string, unit: Unit, random: () => number): Promise<ScratchDirectory> {
  const copy = new ScratchDirectory()
  // Some copies last hardly longer than the time between two commits, others last for many commits.
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
    // The file was removed after the files were listed.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

import { setTimeout } from 'node:timers/promises'
import { openFileLog } from '@millrace/connectors/file'
import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { seededRandom } from '../flights/seeded-random.ts'
import { check } from './check.ts'
import { makeTopics } from './crash-job.ts'
import { EVERYTHING, TIMEOUT_MS, trials } from './extent.ts'
import { ORDERS_A_ROUND, ScratchDirectory } from './job-process.ts'
import { Member } from './member-process.ts'
import { appendOrders } from './orders.ts'
import { Outcomes } from './outcomes.ts'
import { randomMoment } from './random-moment.ts'

/** How often a process is stopped or killed. MILLRACE_PAUSES sets another number. */
const PAUSES = Number(process.env['MILLRACE_PAUSES'] ?? (EVERYTHING ? 100 : trials(8)))
const SESSION_TIMEOUT_MS = 600
const MOMENT_MS = 60
/**
 * A process that is stopped during an append holds that partition's lock until it is resumed, and every process that waits
 * for the lock continues to wait. After this time the test resumes the stopped process.
 */
const TAKEN_OVER_MS = 4000
/** How long the first process stays stopped. If everything is tried, this is longer than every time limit of the log. */
const FIRST_STOPPED_MS = EVERYTHING ? 150_000 : 0
/** When no process is stopped any more, everything that the test waits for happens within this time. */
const SOON_MS = 30_000
/** Once in so many rounds, the member is killed instead of stopped, and a new one replaces it. */
const KILLED_EVERY = 4

test('a process that was stopped until another took its tasks over changes no result when it is resumed', {
  timeout: TIMEOUT_MS,
}, async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  console.log(`SEED=${seed}`)
  const random = seededRandom(seed)
  const outcomes = new Outcomes('members stopped or killed')
  using scratch = new ScratchDirectory()
  const log = await openFileLog({ directory: scratch.path, env: nodeEnv() })
  await makeTopics(log)
  const join = () => new Member(scratch.path, SESSION_TIMEOUT_MS)
  const members = [join(), join()]
  const everyMember = [...members]
  const soon = async (what: string, promise: Promise<unknown>) => {
    if ((await within(SOON_MS, promise)) !== undefined) return
    throw new Error(`${what} takes too long (SEED=${seed}): ${everyMember.map(({ output }) => output).join('\n')}`)
  }
  let orders = 0
  let longestMs = 0
  try {
    await Promise.all(members.map((member) => member.joined()))
    for (let pause = 0; pause < PAUSES; pause++) {
      const [victim, other] = members
      if (victim === undefined || other === undefined) throw new Error('there are two members')
      const kill = pause % KILLED_EVERY === KILLED_EVERY - 1
      orders += ORDERS_A_ROUND
      const appending = appendOrders(log, orders)
      await randomMoment(random() * MOMENT_MS)
      victim.signal(kill ? 'SIGKILL' : 'SIGSTOP')
      outcomes.tried()
      outcomes.count(kill ? 'killed' : 'stopped')
      const all = orders
      const counted = other.until(() => other.counts.every((count) => count === all))
      // A dead process holds no lock, so nothing may keep the other one from its tasks.
      const takenOver = await within(kill ? SOON_MS : TAKEN_OVER_MS, Promise.all([appending, counted]))
      if (takenOver === undefined)
        outcomes.count(kill ? 'killed and not taken over' : 'held up by a lock of the stopped process')
      else longestMs = Math.max(longestMs, takenOver)
      if (pause === 0) await setTimeout(FIRST_STOPPED_MS)
      // The stopped process now continues what it was about to do, while new records are appended.
      orders += ORDERS_A_ROUND
      const flowing = appendOrders(log, orders)
      await randomMoment(random() * MOMENT_MS)
      if (!kill) victim.signal('SIGCONT')
      await soon('appending', Promise.all([appending, flowing]))
      const next = kill ? join() : victim
      if (kill) {
        everyMember.push(next)
        await soon('joining', next.joined())
      }
      // The member that was stopped is the next to take over.
      members.splice(0, 2, other, next)
    }
    const agreed = members.map((member) => member.until(() => holdTogether(members, orders)))
    await soon('counting all orders', Promise.race(agreed))
    for (const member of members) member.signal('SIGTERM')
    await soon('stopping', Promise.all(members.map((member) => member.ended)))
  } finally {
    for (const member of everyMember) member.signal('SIGKILL')
    await Promise.all(everyMember.map((member) => member.ended))
    await log.close()
  }
  for (const { failure } of everyMember) if (failure !== undefined) outcomes.violation('a member', failure)
  outcomes.classify(`SEED=${seed}`, await check(scratch.path, { acknowledged: orders, orders }))
  for (const { rejoined } of everyMember) for (let time = 0; time < rejoined; time++) outcomes.count('fenced')
  outcomes.report()
  console.log(
    `the longest take-over was over after ${Math.round(longestMs)} ms, of which ${SESSION_TIMEOUT_MS} are for stopped members`,
  )
  expect(outcomes.violations).toEqual([])
  expect(outcomes.of('fenced')).toBeGreaterThan(0)
  expect(outcomes.of('killed and not taken over')).toBe(0)
})

function holdTogether(members: readonly Member[], orders: number): boolean {
  return [0, 1].every((view) => members.reduce((sum, { counts }) => sum + (counts[view] ?? 0), 0) === orders)
}

/** How long the promise took, in ms; undefined if it took longer than the limit. */
async function within(ms: number, promise: Promise<unknown>): Promise<number | undefined> {
  const start = performance.now()
  const late = new AbortController()
  try {
    const inTime = promise.then(() => performance.now() - start)
    return await Promise.race([inTime, setTimeout(ms, undefined, { signal: late.signal })])
  } finally {
    late.abort()
  }
}

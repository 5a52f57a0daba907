import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Env, Log } from '@millrace/core'
import { type ReadRecord, readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { withFaults } from '../testing/faulty-files.ts'
import { withoutSyncs } from '../testing/unsynced-files.ts'
import { compact } from './compaction.ts'

const DAY_MS = 86_400_000 + 1
/** The same records are written to a topic that is compacted and to one that keeps all of them. */
const TOPICS = ['compacted', 'mirror']

const key = fc.oneof({ weight: 9, arbitrary: fc.nat(9) }, { weight: 1, arbitrary: fc.constant(null) })
const value = fc.option(fc.nat(200), { freq: 2 })
const record = fc.record({ key, value, at: fc.constantFrom(1, 978_307_200_000, 2 ** 50) })
const records = fc.array(record, { minLength: 1, maxLength: 6 })
const keysMax = fc.integer({ min: 1, max: 9 })
const STEPS = {
  append: fc.record({ kind: fc.constant('append' as const), records }),
  commit: fc.record({ kind: fc.constant('commit' as const), records }),
  abort: fc.record({ kind: fc.constant('abort' as const), records }),
  open: fc.record({ kind: fc.constant('open' as const), records }),
  decide: fc.record({ kind: fc.constantFrom('decide commit' as const, 'decide abort' as const) }),
  clean: fc.record({ kind: fc.constant('clean' as const), keysMax }),
  fail: fc.record({ kind: fc.constant('fail' as const), keysMax, call: fc.nat(60) }),
  day: fc.record({ kind: fc.constant('day' as const) }),
  follow: fc.record({ kind: fc.constant('follow' as const), batches: fc.integer({ min: 1, max: 9 }) }),
}
const step = fc.oneof(...Object.values(STEPS))
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type Plain = typeof record extends fc.Arbitrary<infer T> ? T : never

/** A history of two topics with the same records, one of which is compacted. */
class History {
  readonly directory = mkdtempSync(`${tmpdir()}/millrace-passes-`)
  readonly faultlessEnv: Env
  /** The environment, in which calls to the disk may fail. */
  readonly #env: Env
  #aheadMs = 0
  #failAt = -1

  constructor() {
    const { clock, ...others } = nodeEnv()
    const ahead = { now: () => clock.now() + this.#aheadMs, monotonic: () => clock.monotonic() }
    this.faultlessEnv = withoutSyncs({ ...others, clock: ahead })
    this.#env = withFaults(this.faultlessEnv, () => (this.#failAt-- === 0 ? 'EIO' : undefined))
  }

  passDay(): void {
    this.#aheadMs += DAY_MS
  }

  /** Compacts with room for `keysMax` keys; the call to the disk with the number `failAt` fails. */
  async compact(keysMax: number, failAt = -1): Promise<void> {
    this.#failAt = failAt
    const files = new PartitionFiles(this.#env.files, this.directory, 'compacted', 0)
    try {
      await compact(this.#env, files, { segmentBytes: 1024, dirtyRatioMin: 0, keysMax })
    } finally {
      this.#failAt = -1
      files.close()
    }
  }

  tail() {
    const files = new PartitionFiles(this.faultlessEnv.files, this.directory, 'compacted', 0)
    try {
      return files.readTail() ?? expect.fail('there is a tail')
    } finally {
      files.close()
    }
  }
}

/** A reader that folds a topic, and may be stopped for long, like the input of a job. */
class Follower {
  readonly #log: Log
  readonly rows = new Map<string, string>()
  #position = 0
  #compactedBefore = 0
  restarts = 0

  constructor(log: Log) {
    this.#log = log
  }

  async follow(batches: number): Promise<void> {
    const reader = this.#log.openReader()
    const from = await reader.assign('compacted', 0, this.#position)
    if (this.#position === 0) this.#compactedBefore = from.compactedBefore
    for (let left = batches; left > 0; left--) {
      const batch = from.poll()
      if (batch === undefined) break
      if (batch.tombstonesGone && batch.nextOffset > this.#compactedBefore) {
        await reader.close()
        this.rows.clear()
        this.#position = 0
        this.restarts++
        return this.follow(batches)
      }
      while (batch.next()) {
        if (batch.keyStart < 0) continue
        const name = batch.bytes.toString('utf8', batch.keyStart, batch.keyEnd)
        if (batch.valueStart < 0) this.rows.delete(name)
        else this.rows.set(name, batch.bytes.toString('utf8', batch.valueStart, batch.valueEnd))
      }
      this.#position = batch.nextOffset
    }
    await reader.close()
  }
}

async function recordsOf(log: Log, topic: string): Promise<ReadRecord[]> {
  const reader = log.openReader()
  const found = readAll(await reader.assign(topic, 0, 0))
  await reader.close()
  return found
}

const isLatest = (all: readonly ReadRecord[], before: number) => {
  const latest = new Map<string, number>()
  for (const { key: name, offset } of all) if (name !== null && offset < before) latest.set(name, offset)
  return ({ key: name, offset }: ReadRecord) => name === null || offset >= before || latest.get(name) === offset
}

interface Moment {
  readonly history: History
  readonly log: Log
  readonly mirror: readonly ReadRecord[]
  /** In the end only. */
  readonly follower?: Follower
}

type Check = (moment: Moment) => Promise<void>

/** Runs the steps; checks after each compaction that was not made to fail. */
async function run(steps: readonly Step[], check: Check): Promise<void> {
  const history = new History()
  try {
    await runIn(history, steps, check)
  } finally {
    rmSync(history.directory, { recursive: true })
  }
}

async function runIn(history: History, steps: readonly Step[], check: Check): Promise<void> {
  const log = await openFileLog({ directory: history.directory, env: history.faultlessEnv, durability: 'os' })
  // Only the test's own steps compact.
  for (const topic of TOPICS) await log.admin.createTopic(topic, { segmentBytes: 1024 })
  const [plain, writer, opener] = [
    log.openWriter(),
    await log.openTransactionalWriter('writer'),
    await log.openTransactionalWriter('opener'),
  ]
  const follower = new Follower(log)
  const append = async (to: typeof plain | typeof writer, list: readonly Plain[]) => {
    for (const topic of TOPICS) {
      const partition = await to.openPartition(topic, 0)
      for (const { key: name, value, at } of list) {
        write(partition, name === null ? null : `k${name}`, value === null ? null : `${value}`.repeat(150), at)
      }
    }
    await to.flush()
  }
  for (const each of steps) {
    if (each.kind === 'append') await append(plain, each.records)
    else if (each.kind === 'open') await append(opener, each.records)
    else if (each.kind === 'decide commit') await opener.commit([])
    else if (each.kind === 'decide abort') await opener.abort()
    else if (each.kind === 'day') history.passDay()
    else if (each.kind === 'follow') await follower.follow(each.batches)
    else if (each.kind === 'fail') await history.compact(each.keysMax, each.call).catch(() => undefined)
    else if (each.kind === 'clean') {
      await history.compact(each.keysMax)
      await check({ history, log, mirror: await recordsOf(log, 'mirror') })
    } else if (each.kind === 'commit' || each.kind === 'abort') {
      await append(writer, each.records)
      await (each.kind === 'commit' ? writer.commit([]) : writer.abort())
    }
  }
  await opener.commit([])
  await history.compact(3)
  await check({ history, log, mirror: await recordsOf(log, 'mirror'), follower })
  await log.close()
}

/** Steps of the given kinds, as often as the weights say. */
function histories(weights: Record<keyof typeof STEPS, number>) {
  const kinds = Object.entries(weights).map(([kind, weight]) => {
    return { weight, arbitrary: STEPS[kind as keyof typeof STEPS] as fc.Arbitrary<Step> }
  })
  return fc.array(fc.oneof(...kinds), { minLength: 30, maxLength: 60 })
}

test('compaction in any number of passes leaves what a naive one does, also after one that failed', async () => {
  let compactions = 0
  // Tombstones stay, since no time passes.
  const timeless = histories({
    append: 6,
    commit: 4,
    abort: 2,
    open: 1,
    decide: 2,
    clean: 3,
    fail: 3,
    day: 0,
    follow: 0,
  })
  await fc.assert(
    fc.asyncProperty(timeless, (steps) =>
      run(steps, async ({ history, log, mirror }) => {
        const { compactedBefore } = history.tail()
        if (compactedBefore > 0) compactions++
        expect(await recordsOf(log, 'compacted')).toEqual(mirror.filter(isLatest(mirror, compactedBefore)))
      }),
    ),
    { numRuns: 20 },
  )
  // Otherwise the test would have tried nothing.
  expect(compactions).toBeGreaterThan(20)
})

test('whatever is compacted and whenever tombstones are deleted, a reader that follows keeps no deleted row', async () => {
  let restarts = 0
  const slow = histories({ append: 8, commit: 2, abort: 1, open: 1, decide: 2, clean: 6, fail: 2, day: 5, follow: 3 })
  await fc.assert(
    fc.asyncProperty(slow, (steps) =>
      run(steps, async ({ log, mirror, follower }) => {
        const rows = new Map<string, string | null>()
        for (const { key: name, value: text } of mirror) if (name !== null) rows.set(name, text)
        const wanted = new Map([...rows].filter(([, text]) => text !== null))
        const late = new Follower(log)
        await late.follow(Number.POSITIVE_INFINITY)
        expect(late.rows).toEqual(wanted)
        expect(late.restarts).toBe(0)
        if (follower === undefined) return
        await follower.follow(Number.POSITIVE_INFINITY)
        expect(follower.rows).toEqual(wanted)
        restarts += follower.restarts
      }),
    ),
    { numRuns: 30 },
  )
  expect(restarts).toBeGreaterThan(0)
})

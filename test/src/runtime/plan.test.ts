import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type MemoryLog, memoryLog } from '@millrace/connectors/memory'
import type { JobPlan } from '@millrace/core'
import {
  describe,
  float64,
  hopping,
  int64,
  type Job,
  job,
  json,
  type Log,
  MillraceError,
  msgpack,
  type Position,
  stream,
  string,
  type Table,
  topic,
  tumbling,
} from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { planJob, startContainer } from '@millrace/runtime'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'

/** How many worlds, each with a few versions; more with `MILLRACE_RANDOM_JOBS`. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(20))
const TEST_MS_MAX = limitMs(RUNS)

/** What a version of the job has. */
const shape = fc.record({
  source: fc.constantFrom('numbers', 'numbers', 'more', 'absent'),
  otherName: fc.boolean(),
  counts: fc.boolean(),
  sums: fc.constantFrom('none', 'int64', 'float64'),
  large: fc.boolean(),
  windows: fc.constantFrom('none', 'of 10', 'of 20', 'hopping'),
  grouped: fc.constantFrom('none', 'own', 'one', 'two'),
  value: fc.constantFrom('json', 'json', 'msgpack'),
  filtered: fc.boolean(),
  sink: fc.constantFrom('none', 'none', 'out', 'nowhere'),
  deadLetters: fc.constantFrom('none', 'none', 'dead', 'nowhere'),
})

type Shape = typeof shape extends fc.Arbitrary<infer S> ? S : never

const FIRST: Shape = {
  source: 'numbers',
  otherName: false,
  counts: true,
  sums: 'int64',
  large: true,
  windows: 'of 20',
  grouped: 'own',
  value: 'json',
  filtered: false,
  sink: 'none',
  deadLetters: 'none',
}

/** What happens before the next version starts, and how that differs from the one before. */
const step = fc.record({
  shape,
  fields: fc.subarray(Object.keys(FIRST), { maxLength: 2 }),
  produced: fc.integer({ min: 0, max: 4 }),
  processed: fc.boolean(),
  accepted: fc.constantFrom('none', 'none', 'none', 'none', 'needed', 'needed', 'needed', 'all', 'unknown'),
  event: fc.oneof(
    { weight: 12, arbitrary: fc.constant('none') },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        'purge the sources',
        'purge the sources',
        'make the source again',
        'make the source again',
        'delete the changelog',
        'delete the catalog',
        'delete the repartition topic',
        'make the changelog as another program would',
      ),
    },
  ),
})

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function changed(before: Shape, { shape: other, fields }: Step): Shape {
  return { ...before, ...Object.fromEntries(Object.entries(other).filter(([field]) => fields.includes(field))) }
}

const SAME: Step = { shape: FIRST, fields: [], produced: 2, processed: true, accepted: 'none', event: 'none' }

/** A step with another shape. */
function withShape(shapeChanges: Partial<Shape>, others: Partial<Step> = {}): Step {
  return { ...SAME, shape: { ...FIRST, ...shapeChanges }, fields: Object.keys(shapeChanges), ...others }
}

/** These come first, so that every outcome is there however few worlds there are. */
const EXAMPLES: readonly (readonly Step[])[] = [
  [SAME, withShape({ windows: 'of 10' }), { ...SAME, accepted: 'needed' }, { ...SAME, accepted: 'unknown' }],
  [SAME, withShape({ otherName: true }), withShape({ otherName: false, sink: 'nowhere' })],
  [SAME, { ...SAME, processed: false }, { ...SAME, event: 'purge the sources' }],
  [withShape({ source: 'more' }), { ...SAME, event: 'make the source again' }],
  [SAME, { ...SAME, event: 'delete the changelog' }],
]

const OUTCOMES = ['first', 'at-once', 'starts empty', 'STORE_CHANGED', 'STORE_BEHIND', 'JOB_INVALID', 'TOPIC_MISSING']
const RARE_OUTCOMES = ['INPUT_GONE', 'TOPIC_REPLACED', 'JOB_TOPIC_UNFIT']

function jobOf(made: Shape): Job {
  const { source, otherName, counts, sums, large, windows, grouped, value, filtered, sink, deadLetters } = made
  const numbers = topic(source, { key: string(), value: value === 'json' ? json<number>() : msgpack<number>() })
  const records = filtered ? stream(numbers).filter((number) => number !== 3) : stream(numbers)
  const byKey = records.groupByKey()
  const tables: Table<unknown, unknown>[] = []
  if (counts) tables.push(byKey.count(otherName ? 'counted' : 'counts'))
  if (sums !== 'none') {
    const serde = sums === 'int64' ? int64() : float64()
    const total = byKey.aggregate('sums', { init: () => 0, add: (sum, number) => sum + number, value: serde })
    tables.push(total)
    if (large) tables.push(total.filter((sum) => sum > 2, { name: 'large' }))
  }
  if (windows !== 'none') {
    const window = windows === 'hopping' ? hopping(20, { advance: 10 }) : tumbling(windows === 'of 10' ? 10 : 20)
    tables.push(byKey.window(window).count('windows') as never)
  }
  if (grouped !== 'none') {
    const partitions = grouped === 'own' ? {} : { partitions: grouped === 'one' ? 1 : 2 }
    tables.push(records.repartition('spread', partitions).groupByKey().count('grouped'))
  }
  if (tables.length === 0) tables.push(stream(numbers).toTable('latest'))
  const outputs = sink === 'none' ? [] : [stream(numbers).to(topic(sink, { key: string(), value: numbers.value }))]
  const theJob = job('j', ...tables, ...outputs)
  const undecodable = deadLetters === 'none' ? 'skip' : { deadLetter: deadLetters }
  return theJob.onError({ undecodable, callback: 'skip' })
}

/** A memory log with the topics that versions read and write, and local state on disk. */
class PlanWorld {
  readonly log: MemoryLog = memoryLog()
  readonly env = nodeEnv()
  readonly stateDirectory = mkdtempSync(`${tmpdir()}/millrace-plan-`)

  static async open(): Promise<PlanWorld> {
    const world = new PlanWorld()
    await world.log.admin.createTopic('numbers', { partitions: 2 })
    for (const name of ['more', 'out', 'dead']) await world.log.admin.createTopic(name)
    return world
  }

  async produce(name: string, records: number): Promise<void> {
    const description = await this.log.admin.describeTopic(name)
    if (description === undefined) return
    const writer = this.log.openWriter()
    for (let index = 0; index < records; index++) {
      const to = await writer.openPartition(name, index % description.partitions)
      to.append(1000 + index, Buffer.from(`k${index % 2}`), 0, 2, index, json<number>(), [])
    }
    await writer.flush()
    await writer.close()
  }

  async happen(event: Step['event']): Promise<void> {
    const { admin } = this.log
    const there = async (name: string) => (await admin.describeTopic(name)) !== undefined
    const remove = async (name: string) => {
      if (await there(name)) await admin.deleteTopic(name)
    }
    if (event === 'purge the sources') {
      for (const name of ['numbers', 'more']) await admin.purge(name, 0, (await admin.offsets(name, 0)).end)
    }
    if (event === 'delete the changelog') await remove('j.changelog')
    if (event === 'delete the catalog') await remove('j.catalog')
    // A plan does not read local state, a cache of what the topics describe, and these no longer do.
    if (event.startsWith('delete')) rmSync(this.stateDirectory, { recursive: true, force: true })
    if (event === 'delete the repartition topic') await remove('j.spread.repartition')
    if (event === 'make the source again') {
      await admin.deleteTopic('more')
      await admin.createTopic('more')
    }
    if (event === 'make the changelog as another program would' && !(await there('j.changelog'))) {
      await admin.createTopic('j.changelog', { partitions: 3, cleanup: 'compact' })
    }
  }

  /** As "millrace reset" does, and also if there is no catalog that lists the job's topics. */
  async reset(): Promise<void> {
    for (const { name } of await this.log.admin.listTopics()) {
      if (name.startsWith('j.')) await this.log.admin.deleteTopic(name)
    }
    rmSync(this.stateDirectory, { recursive: true, force: true })
  }

  /** Every topic with its offsets. */
  async content(): Promise<Map<string, readonly unknown[]>> {
    const content = new Map<string, readonly unknown[]>()
    for (const { name, partitions, id } of await this.log.admin.listTopics()) {
      const offsets = []
      for (let partition = 0; partition < partitions; partition++) {
        offsets.push(await this.log.admin.offsets(name, partition))
      }
      content.set(name, [id, offsets])
    }
    return content
  }

  /** Starts a job, and returns what the start found: its refusal, or what its stores count from and its notices. */
  async start(theJob: Job, acceptLoss: readonly string[], stateDirectory = this.stateDirectory): Promise<Started> {
    const { log, env } = this
    const notices: string[] = []
    const onNotice = (notice: string) => notices.push(notice)
    try {
      const container = await startContainer({ job: theJob, log, env, stateDirectory, acceptLoss, onNotice })
      const completeFrom = new Map(container.views.map((view) => [view.name, view.completeFrom]))
      await container.caughtUp()
      await container.stop()
      await container.done
      return { refused: undefined, completeFrom, notices }
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      return { refused: error, completeFrom: new Map(), notices }
    }
  }

  close(): void {
    for (const ending of ['', '-other']) {
      rmSync(`${this.stateDirectory}${ending}`, { recursive: true, force: true })
    }
  }
}

interface Started {
  readonly refused: MillraceError | undefined
  readonly completeFrom: ReadonlyMap<string, Position>
  readonly notices: readonly string[]
}

function acceptedBy({ accepted }: Step, plan: JobPlan): string[] {
  if (accepted === 'unknown') return ['tow']
  const stores = plan.stores.filter(({ fate }) => fate !== 'left')
  const chosen = accepted === 'needed' ? stores.filter(({ acceptLoss }) => acceptLoss) : stores
  return accepted === 'none' ? [] : chosen.map(({ store }) => store)
}

const namesIn = (notices: readonly string[], pattern: RegExp): string[] =>
  notices.flatMap((notice) => pattern.exec(notice)?.[1] ?? []).sort()

const withFate = ({ stores }: JobPlan, wanted: string): string[] =>
  stores.flatMap(({ store, fate }) => (fate === wanted ? [store] : [])).sort()

/** Compares a plan with what the start that it was made for has done. */
function expectSame(plan: JobPlan, { refused, completeFrom, notices }: Started, made: readonly string[]): void {
  expect(plan.refusals[0]).toEqual(refused && { code: refused.code, message: refused.message })
  if (refused !== undefined) return
  expect(withFate(plan, 'empty')).toEqual(namesIn(notices, /^Store (\S+) starts empty/))
  expect(withFate(plan, 'left')).toEqual(namesIn(notices, /^Store (\S+) does not belong/))
  const present = plan.stores.filter(({ fate }) => fate !== 'left')
  expect(new Map(present.map(({ store, completeFrom: from }) => [store, from]))).toEqual(completeFrom)
  expect(plan.topics.flatMap(({ topic: name, change }) => (change === 'made' ? [name] : [])).sort()).toEqual(made)
  expect(['first', 'at-once']).toContain(plan.change)
}

test(
  'a plan of a random change finds what the start then does, and changes nothing',
  async () => {
    const outcomes = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 6 }), async (steps) => {
        const world = await PlanWorld.open()
        const { log, env } = world
        let present = FIRST
        try {
          for (const each of steps) {
            present = changed(present, each)
            const theJob = jobOf(present)
            await world.happen(each.event)
            const before = await world.content()
            const acceptLoss = acceptedBy(each, await planJob(theJob, { log, env }))
            const plan = await planJob(theJob, { log, env, acceptLoss })
            expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
            expect(await world.content()).toEqual(before)
            const started = await world.start(theJob, acceptLoss)
            const made = [...(await world.content()).keys()].filter((name) => !before.has(name))
            expectSame(plan, started, made.sort())
            const outcome = started.refused?.code ?? (withFate(plan, 'empty').length > 0 ? 'starts empty' : plan.change)
            outcomes.add(outcome)
            // Otherwise every version after it would be refused for the same reason.
            if (plan.change === 'version') await world.reset()
            if (plan.change === 'blocked') present = FIRST
            await world.produce(present.source, each.produced)
            if (started.refused === undefined && each.processed) await world.start(theJob, [])
          }
        } finally {
          world.close()
        }
      }),
      { numRuns: RUNS, examples: EXAMPLES.map((steps) => [[...steps]]) },
    )
    expect([...outcomes]).toEqual(expect.arrayContaining([...OUTCOMES, ...RARE_OUTCOMES]))
  },
  TEST_MS_MAX,
)

test(
  'a plan finds whether processes of the changed job can join those that run',
  async () => {
    const outcomes = new Set<string>()
    await fc.assert(
      fc.asyncProperty(step, async (each) => {
        const world = await PlanWorld.open()
        const { log, env, stateDirectory } = world
        const former = jobOf(FIRST)
        const running = await startContainer({ job: former, log, env, stateDirectory })
        try {
          await world.produce('numbers', each.produced)
          await running.caughtUp()
          const theJob = jobOf(changed(FIRST, each))
          const before = describe(former, 'json')
          const acceptLoss = acceptedBy(each, await planJob(theJob, { log, env }))
          const plan = await planJob(theJob, { log, env, before, acceptLoss })
          outcomes.add(plan.change)
          if (plan.change === 'blocked' || plan.change === 'version') return
          const { refused } = await world.start(theJob, acceptLoss, `${stateDirectory}-other`)
          expect(refused?.code).toBe(plan.change === 'none' ? undefined : 'JOB_CHANGED')
        } finally {
          await running.stop()
          world.close()
        }
      }),
      {
        numRuns: RUNS,
        examples: [[SAME], [withShape({ sink: 'out' })], [withShape({ windows: 'hopping' }, { accepted: 'needed' })]],
      },
    )
    expect([...outcomes]).toEqual(expect.arrayContaining(['none', 'at-once']))
  },
  TEST_MS_MAX,
)

test('a plan of a job whose stores stay reads only the end of a long changelog', async () => {
  const world = await PlanWorld.open()
  const { log, env } = world
  const theJob = jobOf({ ...FIRST, sums: 'none', windows: 'none', grouped: 'none' })
  const writer = log.openWriter()
  const to = await writer.openPartition('numbers', 0)
  for (let index = 0; index < 25_000; index++) {
    const key = Buffer.from(`k${index}`)
    to.append(index, key, 0, key.length, index, json<number>(), [])
  }
  await writer.close()
  await world.start(theJob, [])
  const { end } = await log.admin.offsets('j.changelog', 0)
  expect(end).toBeGreaterThan(25_000)
  const read: [number, number][] = []
  const watched: Log = {
    ...log,
    openReader: (options) => {
      const reader = log.openReader(options)
      return {
        wait: (timeoutMs, signal) => reader.wait(timeoutMs, signal),
        close: () => reader.close(),
        assign: (name, partition, offset) => {
          if (name === 'j.changelog') read.push([partition, offset])
          return reader.assign(name, partition, offset)
        },
      }
    },
  }
  expect((await planJob(theJob, { log: watched, env })).change).toBe('at-once')
  expect(read).toEqual([[0, end - 10_000]])
  // What it finds there is where the job is.
  await log.admin.purge('numbers', 0, 25_000)
  expect((await planJob(theJob, { log: watched, env })).refusals).toEqual([])
  await world.produce('numbers', 2)
  await log.admin.purge('numbers', 0, 25_001)
  expect((await planJob(theJob, { log: watched, env })).refusals).toMatchObject([{ code: 'INPUT_GONE' }])
  // If stores differ, it matters how far all topics were processed.
  read.length = 0
  await planJob(jobOf({ ...FIRST, sums: 'none', windows: 'none', grouped: 'none', otherName: true }), {
    log: watched,
    env,
  })
  expect(read).toEqual([[0, 0]])
  world.close()
})

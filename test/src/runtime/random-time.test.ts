import {
  differences,
  differencesBesidesRepeats,
  type Found,
  idsJob,
  JobFold,
  lostOrDoubled,
  type Sources,
  type TablePlan,
} from '@millrace/testing/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { planOf, randomJob } from './random-time/random-job.ts'
import {
  IDLE_AFTER_MS,
  type RandomPhase,
  randomPhases,
  randomRecords,
  recordsOf,
  type SourceRecord,
  sourcesOf,
} from './random-time/random-run.ts'
import { type TimeOptions, TimeWorld } from './random-time/time-world.ts'

/** The number of random jobs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(100))
/** The file log and LevelDB take ten times as long as memory, and more. */
const FILE_RUNS = Math.ceil(RUNS / 15)
const OTHER_RUNS = Math.ceil(RUNS / 3)

/** A kind of random run, and the number of such runs. */
interface Runs {
  readonly log: 'memory' | 'file'
  readonly count: number
  readonly options?: Partial<TimeOptions>
  /** Returns the problems of what was found of each table, judged by the records of each source partition. */
  readonly check: (found: ReadonlyMap<TablePlan, Found>, sources: Sources) => string[]
}

/** Longer than every silence of a run. */
const NEVER_MS = 1e9

/** Runs random jobs over random records, cut off at random commits. Fails if `check` returns a problem for any of them. */
async function expectOfRuns({ log, count, options, check }: Runs): Promise<void> {
  const all = { idleAfterMs: NEVER_MS, guarantee: 'exactly-once' as const, ...options }
  const phasesOfRun = randomPhases(all.guarantee)
  const property = fc.asyncProperty(randomJob, randomRecords, phasesOfRun, async (random, randoms, phases) => {
    const plan = planOf(random)
    const records = recordsOf(randoms, plan.topics, random.partitions)
    const world = await TimeWorld.open(log, idsJob('random', plan), all)
    try {
      await world.makeTopics(plan, random.partitions)
      let left: readonly SourceRecord[] = records
      for (const phase of phases) left = await runPhase(world, phase, records, left)
      await world.append(left)
      const found = await world.finish(plan.tables)
      expect(check(found, sourcesOf(records, plan.topics, random.partitions))).toEqual([])
    } finally {
      await world.close()
    }
  })
  // A failing case is made smaller for as long as there is time, and is then reported.
  await fc.assert(property, { numRuns: count, interruptAfterTimeLimit: RUNS * 3000, markInterruptAsFailure: true })
}

function against(compare: typeof differences): Runs['check'] {
  return (found, sources) => {
    const fold = new JobFold(sources)
    return [...found].flatMap(([table, there]) => compare(table, there, fold.table(table)))
  }
}

test.each([
  ['memory', RUNS],
  ['file', FILE_RUNS],
] as const)(
  'on the %s log, late records, finals and views of random jobs depend on the records of each source partition alone',
  (log, count) => expectOfRuns({ log, count, check: against(differences) }),
  limitMs(RUNS),
)

test(
  'with outputs that may repeat, late records, finals and views of random jobs are the same',
  () => {
    const options = { guarantee: 'at-least-once' as const }
    return expectOfRuns({ log: 'memory', count: OTHER_RUNS, options, check: against(differencesBesidesRepeats) })
  },
  limitMs(RUNS),
)

test(
  'while inputs fall asleep and wake, no record of a random job is lost or doubled, and no final repeated or wrong',
  () =>
    expectOfRuns({ log: 'memory', count: OTHER_RUNS, options: { idleAfterMs: IDLE_AFTER_MS }, check: lostOrDoubled }),
  limitMs(RUNS),
)

/** Runs a phase with its share of the records; returns those that are left. */
async function runPhase(
  world: TimeWorld,
  phase: RandomPhase,
  all: readonly SourceRecord[],
  left: readonly SourceRecord[],
): Promise<readonly SourceRecord[]> {
  const count = Math.ceil((left.length * phase.share) / 100)
  const records = left.slice(0, count)
  const rest = left.slice(count)
  const size = Math.max(1, Math.ceil(count / phase.pieces))
  const pieces = Array.from({ length: Math.ceil(count / size) }, (_, piece) =>
    records.slice(piece * size, (piece + 1) * size),
  )
  const begun = new Set(all.slice(0, all.length - rest.length).map(placeOf))
  // A batch run does not wait for inputs that never had a record: if such an input gets its first record later, it may be late.
  const batch = phase.batch && rest.every((record) => begun.has(placeOf(record)))
  await world.run({ ...phase, batch }, pieces)
  return rest
}

function placeOf({ topic, partition }: SourceRecord): string {
  return `${topic}/${partition}`
}

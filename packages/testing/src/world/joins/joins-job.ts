import {
  type Job,
  type JoinedStream,
  job,
  type Output,
  type Stream,
  stream,
  string,
  table,
  topic,
} from '@millrace/core'
import type { SeededRandom } from '../../machine/seeded-random.ts'
import { choose } from '../choose.ts'
import { regroupedKey } from '../regrouped-key.ts'

export const LEFT = 'left'
export const RIGHT = 'right'

/** Values are the ids of records: each source record has its own. */
export const idTopic = (name: string) => topic(name, { key: string(), value: string() })
/** The topics of a join's pairs, and of the records that come too late for its sides. */
export const pairsTopic = (join: string) => idTopic(`${join}-pairs`)
export const lateTopic = (join: string, side: 'left' | 'right') => idTopic(`${join}-late-${side}`)

/** One join of the two topics. Pairs are the two ids, `null` for the lack of one. */
export interface JoinPlan {
  readonly name: string
  readonly word: 'join' | 'leftJoin' | 'outerJoin'
  /** How near records are joined; undefined joins with the row as of the time of each left record. */
  readonly within: { readonly before: number; readonly after: number } | undefined
  readonly grace: number
  /** Whether both sides go through repartition topics, under other keys. */
  readonly regrouped: boolean
}

export function joinPlans(random: SeededRandom): readonly JoinPlan[] {
  const grace = () => choose(random, [0, 0, 50, 250])
  const within = () => ({ before: choose(random, [0, 50, 200]), after: choose(random, [0, 50, 200]) })
  return [
    { name: 'inner', word: 'join', within: within(), grace: grace(), regrouped: false },
    { name: 'left', word: 'leftJoin', within: within(), grace: grace(), regrouped: random.chance(0.5) },
    { name: 'outer', word: 'outerJoin', within: within(), grace: grace(), regrouped: true },
    { name: 'as-of', word: 'leftJoin', within: undefined, grace: grace(), regrouped: false },
  ]
}

/** `work` is called for each record: it stands for the work of the job's callbacks. */
export function joinsJob(name: string, plans: readonly JoinPlan[], work: () => void): Job {
  const outputs = plans.flatMap((plan) => outputsOf(plan, work))
  const [first, ...more] = outputs
  if (first === undefined) throw new Error('A job needs a join')
  return job(name, first, ...more)
}

function outputsOf(plan: JoinPlan, work: () => void): Output[] {
  const joined = joinOf(plan, work)
  return [
    joined.to(pairsTopic(plan.name)),
    joined.lateLeft().to(lateTopic(plan.name, 'left')),
    joined.lateRight().to(lateTopic(plan.name, 'right')),
  ]
}

function joinOf({ name, word, within, grace, regrouped }: JoinPlan, work: () => void) {
  const read = (from: string): Stream<string, string> => {
    const records = stream(idTopic(from))
    return regrouped ? records.keyBy((_, key) => regroupedKey(key), string()) : records
  }
  const pair = (left: string | null, right: string | null) => {
    work()
    return `${left} ${right}`
  }
  const value = string()
  const left = read(LEFT)
  if (within === undefined) {
    return left.leftJoin(name, table(idTopic(RIGHT), `${name}-rows`), pair, { asOf: { grace }, value })
  }
  const options = { within, grace, value }
  const right = read(RIGHT)
  const joins: Readonly<Record<JoinPlan['word'], () => JoinedStream<string, string, string, string>>> = {
    join: () => left.join(name, right, pair, options),
    leftJoin: () => left.leftJoin(name, right, pair, options),
    outerJoin: () => left.outerJoin(name, right, pair, options),
  }
  return joins[word]()
}

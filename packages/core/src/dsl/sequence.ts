import type { Serde } from '../contracts/serde.ts'
import { RefusedError } from '../errors/millrace-error.ts'
import { DURATION, isDuration } from '../plan/duration-problem.ts'
import { parametersSeen } from '../plan/step-flow.ts'
import { json } from '../serdes/json.ts'
import { type Duration, durationMs } from './duration.ts'
import { planSerde, type StreamPlan } from './plan-value.ts'
import { processStep } from './process-node.ts'
import { sequenceProcess } from './sequence-process.ts'
import type { OrderOptions } from './stream-order.ts'

/** What a match has by now: the records of the steps before, by the names of the steps. */
type SoFar = Readonly<Record<never, never>>

/** Which records a step of a sequence takes. */
export interface SequenceStepOptions<V> {
  /** How many records the step takes, one after the other. The match has them as a list then. */
  readonly times?: number
  /** A record that it accepts ends the attempt while the step waits. */
  readonly without?: (value: V) => boolean
  /** Whether the next record of the key must be one that the step takes. Default: others in between are passed over. */
  readonly strict?: boolean
}

/** A step of a sequence. */
export interface SequenceStep {
  readonly name: string
  readonly accepts: (value: never, soFar: never) => boolean
  /** Whether `accepts` can see what the match has by now. */
  readonly looksBack: boolean
  readonly times: number | undefined
  readonly without: ((value: never) => boolean) | undefined
  readonly strict: boolean
}

/** A sequence of records: what `match` looks for. Made by `sequence`. */
export interface Sequence<V, M> {
  readonly steps: readonly SequenceStep[]
  readonly withinMs: number
  /** Only the types need it. */
  readonly match?: (values: V) => M
}

/** The property of a match that a step adds. */
type Taken<N extends string, V, O> = {
  readonly [name in N]: O extends { readonly times: number } ? readonly V[] : V
}

/** A sequence that is being written. */
export interface SequenceBuilder<V, M> {
  /** The next step: `accepts` also gets what the match has by now. A type guard narrows what the match has. */
  then<N extends string, W extends V, const O extends SequenceStepOptions<V> = NoOptions>(
    name: N,
    accepts: (value: V, soFar: M) => value is W,
    options?: O,
  ): SequenceBuilder<V, M & Taken<N, W, O>>
  then<N extends string, const O extends SequenceStepOptions<V> = NoOptions>(
    name: N,
    accepts: (value: V, soFar: M) => boolean,
    options?: O,
  ): SequenceBuilder<V, M & Taken<N, V, O>>
  /**
   * How long the whole sequence takes at most, from its first record to its last, by event time. Throws `JOB_INVALID` for what is not
   * a duration, and for steps that cannot be looked for.
   */
  within(duration: Duration): Sequence<V, M>
}

type NoOptions = Record<never, never>

/** How a sequence is looked for, and its matches written. */
export interface MatchOptions<M> extends OrderOptions {
  /** How matches are written. Default `json()`. */
  readonly value?: Serde<M>
  /** How many attempts are kept for a key: from more, the oldest is given up. Default 100. */
  readonly attempts?: number
}

/**
 * Begins a sequence of records of one key, for `match`. A step takes the next record that it accepts. Each record that the
 * first step accepts begins an attempt; of those that a record completes, the one that began first is the match.
 *
 * ```ts
 * const guessed = sequence<Login>()
 *   .then('failures', (login) => !login.ok, { times: 3 })
 *   .then('success', (login) => login.ok)
 *   .within('10m')
 * ```
 */
export function sequence<V>(): Pick<SequenceBuilder<V, SoFar>, 'then'> {
  return builder([]) as unknown as SequenceBuilder<V, SoFar>
}

function builder(steps: readonly SequenceStep[]): SequenceBuilder<unknown, unknown> {
  return Object.freeze({
    // biome-ignore lint/suspicious/noThenProperty: it reads as what it is. `await` of an unfinished sequence is refused.
    then(name: string, accepts: SequenceStep['accepts'], options: SequenceStepOptions<never> = {}) {
      if (typeof name !== 'string') refuse(['an unfinished sequence is not a promise. End it with within'])
      const { times, without, strict = false } = options
      return builder([...steps, { name, accepts, looksBack: parametersSeen(accepts) >= 2, times, without, strict }])
    },
    within(duration: Duration) {
      const withinMs = durationMs(duration)
      refuse([
        ...(isDuration(withinMs) ? [] : [`within must be ${DURATION}`]),
        ...steps.flatMap(({ name, times = 1 }) =>
          isCount(times) ? [] : [`times of step ${name} must be a whole number, at least 1`],
        ),
        ...(new Set(steps.map(({ name }) => name)).size === steps.length ? [] : ['two steps have the same name']),
      ])
      return Object.freeze({ steps, withinMs })
    },
  }) as unknown as SequenceBuilder<unknown, unknown>
}

function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 1
}

/** Throws `JOB_INVALID` if there are problems. */
function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return
  throw new RefusedError('JOB_INVALID', `A sequence cannot be looked for: ${problems.join('; ')}`)
}

const ATTEMPTS = 100

/** The step that finds matches among records that come in order. */
export function matchSteps<K, V, M>(
  ordered: StreamPlan<K, V>,
  name: string,
  { steps, withinMs }: Sequence<V, M>,
  { value = json<M>() as Serde<M>, attempts = ATTEMPTS }: MatchOptions<M>,
): StreamPlan<K, M> {
  refuse(isCount(attempts) ? [] : ['attempts must be a whole number, at least 1'])
  const taken = planSerde(ordered.value) as Serde<unknown>
  const options = sequenceProcess({ steps, withinMs, attempts, taken, value: value as Serde<unknown> })
  const { node } = processStep(ordered, name, 'key', options)
  return { kind: 'stream', node, key: ordered.key, value, rekeyed: false }
}

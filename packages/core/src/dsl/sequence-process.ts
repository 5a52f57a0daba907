import type { Serde } from '../contracts/serde.ts'
import { json } from '../serdes/json.ts'
import { int64 } from '../serdes/numbers.ts'
import type { AnyProcessOptions } from './process-node.ts'
import type { ProcessOptions, ProcessRecordContext } from './process-options.ts'
import type { SequenceStep } from './sequence.ts'
import { mapState, valueState } from './state-cells.ts'

/** What a process that looks for a sequence is made of. */
export interface SequenceParts {
  readonly steps: readonly SequenceStep[]
  readonly withinMs: number
  readonly attempts: number
  /** How the records of an attempt are kept. */
  readonly taken: Serde<unknown>
  readonly value: Serde<unknown>
}

/** An attempt of a key. */
interface Attempt {
  /** The time of its first record. */
  readonly start: number
  /** The step that it waits for. */
  readonly step: number
  /** For each step up to that: the numbers of the records that it has taken. */
  readonly taken: readonly (readonly number[])[]
}

/** The attempts of a key, those that began first in front. */
interface Attempts {
  /** The number of the next record that is taken. */
  readonly next: number
  readonly open: readonly Attempt[]
}

const NONE: Attempts = { next: 0, open: [] }
/** For a callback that does not look at what the match has. */
const NOTHING = Object.freeze({})

/** The cells: the attempts of each key, and the records that they have taken. */
function cells({ withinMs, taken }: SequenceParts) {
  // Whatever an attempt has is older than this when it is over.
  const ttl = withinMs + 1
  return { attempts: valueState(json<Attempts>(), { ttl }), records: mapState(int64(), taken, { ttl }) }
}

type Cells = ReturnType<typeof cells>
type Context = ProcessRecordContext<Cells, Record<never, never>, never, unknown>

/** The process that looks for a sequence: it gets the records of each key in the order of their times. */
export function sequenceProcess(parts: SequenceParts): AnyProcessOptions {
  const state = cells(parts)
  const options: ProcessOptions<unknown, unknown, Cells, Record<never, never>, never, unknown> = {
    value: parts.value,
    state,
    onRecord: (value, _key, context) => takeRecord(parts, value, context),
  }
  return options as unknown as AnyProcessOptions
}

function takeRecord(parts: SequenceParts, value: unknown, { state, timestamp, emit }: Context): void {
  const { steps, withinMs } = parts
  const before = state.attempts.get() ?? NONE
  const open: Attempt[] = []
  for (const attempt of [...before.open, { start: timestamp, step: 0, taken: [] }]) {
    const step = steps[attempt.step]
    if (step === undefined || timestamp - attempt.start > withinMs) continue
    const soFar = step.looksBack ? matchOf(steps, attempt, (number) => state.records.get(number)) : NOTHING
    if (isAccepted(step, value, soFar)) {
      const next = withRecord(step, attempt, before.next)
      if (next.step === steps.length) {
        emit(matchOf(steps, next, (number) => (number === before.next ? value : state.records.get(number))))
        forget(state)
        return
      }
      open.push(next)
    } else if (attempt.taken.length > 0 && !isOver(step, value)) open.push(attempt)
  }
  keep(before, open.slice(-parts.attempts), value, state)
}

/** Keeps the attempts, and the records that they have. */
function keep(before: Attempts, open: readonly Attempt[], value: unknown, state: Context['state']): void {
  if (open.length === 0) {
    if (before.open.length > 0) forget(state)
    return
  }
  const had = numbersOf(before.open)
  const has = numbersOf(open)
  for (const number of had) if (!has.has(number)) state.records.delete(number)
  const isTaken = has.has(before.next)
  if (isTaken) state.records.set(before.next, value)
  if (isTaken || open.length < before.open.length) {
    state.attempts.set({ next: before.next + (isTaken ? 1 : 0), open })
  }
}

function forget(state: Context['state']): void {
  state.attempts.delete()
  state.records.clear()
}

function numbersOf(attempts: readonly Attempt[]): Set<number> {
  return new Set(attempts.flatMap(({ taken }) => taken.flat()))
}

function isAccepted({ name, accepts }: SequenceStep, value: unknown, soFar: unknown): boolean {
  return answer(`step ${name}`, accepts(value as never, soFar as never))
}

/** Whether a record that the step does not take ends the attempt. */
function isOver({ name, strict, without }: SequenceStep, value: unknown): boolean {
  return strict || (without !== undefined && answer(`without of step ${name}`, without(value as never)))
}

function answer(what: string, accepted: unknown): boolean {
  if (typeof accepted === 'boolean') return accepted
  throw new Error(`the callback of ${what} returned ${typeof accepted}. It must return true or false`)
}

function withRecord({ times = 1 }: SequenceStep, attempt: Attempt, number: number): Attempt {
  const { start, step } = attempt
  const numbers = [...(attempt.taken[step] ?? []), number]
  const taken = [...attempt.taken.slice(0, step), numbers]
  return { start, step: numbers.length < times ? step : step + 1, taken }
}

/** What an attempt has taken, by the names of its steps. `recordOf`: a record, by its number. */
function matchOf(
  steps: readonly SequenceStep[],
  { taken }: Attempt,
  recordOf: (number: number) => unknown,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    taken.flatMap((numbers, index) => {
      const step = steps[index]
      if (step === undefined) return []
      const values = numbers.map(recordOf)
      return [[step.name, step.times === undefined ? values[0] : values]]
    }),
  )
}

import type { Gap } from '@millrace/core'
import { type Checkpoint, dictionary, ownValue } from '@millrace/core/internal'
import { haveFiredAgain, isSavedTimers } from '../task/fired-timers.ts'
import { isGlobalKey } from '../task/global-key.ts'
import type { Fence, FencePoint } from '../task/output-fence.ts'
import type { SavedTime } from '../task/pipeline.ts'
import { inputIdOf, LAST_NUMBER, type LastSeen } from '../task/record-identity.ts'
import { isRepartition } from '../task/repartition-input.ts'
import { isSavedCalls } from '../task/saved-calls.ts'
import { type ResultInputs, rootInput, UNORDERED } from './result-inputs.ts'

/** A fence from the checkpoints of a job's tasks, which are by partition. */
export function fenceFrom(checkpoints: ReadonlyMap<number, Checkpoint>): Fence {
  const fence = dictionary<Record<string, FencePoint>>()
  for (const [partition, checkpoint] of checkpoints) {
    for (const [topic, { offset, progress, time }] of checkpoint) {
      if (isGlobalKey(topic)) continue
      const seen = isRepartition(progress) ? { seen: progress.seen } : {}
      const steps = (time as SavedTime | undefined)?.clock.steps ?? []
      fence[topic] = { ...fence[topic], [partition]: { offset, ...seen, steps } }
    }
  }
  return fence
}

/**
 * What a fence knows of the records before the places that a job goes to: outputs of what comes after them are wanted again. `inputs`: of
 * the results of calls.
 */
export function fenceBefore(fence: Fence, moves: readonly Gap[], inputs: ResultInputs): Fence {
  const before = dictionary<Record<string, FencePoint>>()
  for (const [topic, partitions] of Object.entries(fence)) {
    for (const [partition, { offset, seen }] of Object.entries(partitions)) {
      const move = moves.find((each) => each.topic === topic && `${each.partition}` === partition)
      const point = {
        offset: Math.min(offset, move?.to ?? offset),
        ...(seen !== undefined && { seen: seen.flatMap((last) => seenBefore(last, moves, inputs)) }),
        steps: [],
      }
      before[topic] = { ...before[topic], [partition]: point }
    }
  }
  return before
}

function seenBefore(last: LastSeen, moves: readonly Gap[], inputs: ResultInputs): LastSeen | [] {
  const input = rootInput(last.input, inputs)
  if (input === UNORDERED) return []
  const move = moves.find(({ topic, partition }) => partition === last.partition && inputIdOf(topic) === input)
  if (move === undefined || last.offset < move.to) return last
  return { ...last, offset: move.to - 1, number: LAST_NUMBER }
}

/** Whether a job that has come to `now` has passed everything that a fence of an earlier moment knows. */
export function hasPassed(now: Fence, fence: Fence): boolean {
  return Object.entries(fence).every(([topic, partitions]) =>
    Object.entries(partitions).every(([partition, point]) => {
      const reached = ownValue(ownValue(now, topic) ?? {}, partition)
      return reached !== undefined && reaches(reached, point)
    }),
  )
}

/**
 * Whether a job that has processed everything that it has sent itself has passed the sources of a fence: then it has passed all of it,
 * but for results that time emits.
 */
export function hasPassedSources(now: Fence, fence: Fence): boolean {
  return Object.entries(fence).every(([topic, partitions]) =>
    Object.entries(partitions).every(([partition, { offset, seen }]) => {
      return seen !== undefined || (ownValue(ownValue(now, topic) ?? {}, partition)?.offset ?? -1) >= offset
    }),
  )
}

function reaches(now: FencePoint, { offset, seen, steps }: FencePoint): boolean {
  // Offsets of a repartition topic begin again when it is restored: its records are known by where they come from.
  const isThere =
    seen === undefined
      ? now.offset >= offset
      : seen.every((each) =>
          now.seen?.some(
            (last) =>
              last.partition === each.partition &&
              last.input === each.input &&
              (last.offset > each.offset || (last.offset === each.offset && last.number >= each.number)),
          ),
        )
  return (
    isThere && steps.every(([name, saved]) => now.steps.some(([other, at]) => other === name && isLater(at, saved)))
  )
}

/**
 * Whether a step has emitted more, of which it is certain: all windows up to a later one, all timers up to the same one, or the results of
 * all records that the job had processed.
 */
function isLater(now: unknown, saved: unknown): boolean {
  if (isSavedTimers(saved)) return haveFiredAgain(now, saved)
  if (isSavedCalls(saved)) return isSavedCalls(now) && now.repeated === 0
  const [reached, before] = [emittedBeforeIn(now), emittedBeforeIn(saved)]
  return before === null || (reached !== null && reached > before)
}

function emittedBeforeIn(saved: unknown): number | null {
  if (typeof saved !== 'object' || saved === null || !('emittedBefore' in saved)) return null
  return typeof saved.emittedBefore === 'number' ? saved.emittedBefore : null
}

import { ownValue } from '@millrace/core/internal'
import { type ResultInputs, resultInputs, rootInput, unorderedSender } from '../savepoints/result-inputs.ts'
import { isSavedTimers } from '../task/fired-timers.ts'
import { EVERY_PARTITION, type Fence, type FencePoint } from '../task/output-fence.ts'
import { inputIdOf, LAST_NUMBER, type LastSeen } from '../task/record-identity.ts'
import { isSavedCalls } from '../task/saved-calls.ts'

/** A topic that gets another number of partitions, as a job's fences depend on it. */
export interface FencedTopic {
  readonly name: string
  /** Where its former partitions start and end. */
  readonly former: readonly { readonly start: number; readonly end: number }[]
  /** The job's repartition topics. All of their records are processed. */
  readonly repartitions: readonly string[]
}

/** Where the partitions of the new topic end with what the job had processed: all that was copied. */
type Ends = readonly number[]

/**
 * Why it is unknown which outputs a job has appended once its topic has other partitions; undefined if it is known. `now` is how far
 * the job has come, and `earlier` what it had reached before it was set back, as far as it has not come there again.
 *
 * It is known if the job has processed everything in the topic, and everything that it has sent itself: then each record in the new
 * partitions has its outputs. Otherwise, the records that have theirs would be no prefix of a partition. Results of windows and
 * timers belong to tasks, and each had its own time.
 */
export function whyUnknown(
  { name, former, repartitions }: FencedTopic,
  now: Fence,
  earlier: readonly Fence[],
): string | undefined {
  if (earlier.some((fence) => Object.values(fence).some(isOfOneTask))) {
    return 'it was set back, and has not come as far again as it had been'
  }
  for (const fence of [...earlier, now]) {
    const points = ownValue(fence, name)
    if (points === undefined) continue
    for (const [partition, { start, end }] of former.entries()) {
      const offset = ownValue(points, partition)?.offset ?? start
      if (offset < end) return `it has processed ${name}/${partition} up to offset ${offset}, and the end is ${end}`
    }
  }
  for (const fence of [...earlier, now]) {
    for (const { steps, seen = [] } of Object.values(fence).flatMap((points) => Object.values(points))) {
      const step = steps.find(([, saved]) => hasEmitted(saved))
      if (step !== undefined)
        return `its step ${step[0]} has emitted results of windows or timers, and each task had its own time`
      const unordered = unorderedSender(fence)
      if (unordered !== undefined)
        return `its step ${unordered} has sent results through a repartition topic in any order`
      const caller = steps.find(([, saved]) => isSavedCalls(saved) && saved.waiting.length > 0)
      if (caller !== undefined) return `its step ${caller[0]} has calls that are not done`
      const inputs = repartitions.map(inputIdOf)
      const results = resultInputs([fence])
      if (seen.some(({ input }) => inputs.includes(rootInput(input, results))))
        return 'it has a repartition topic behind another one'
    }
  }
  return undefined
}

/** The fences with which a job computes everything again from the new partitions, if `whyUnknown` has no reason against it. */
export function rescaledFences(
  { name }: FencedTopic,
  ends: Ends,
  now: Fence,
  earlier: readonly Fence[],
): readonly Fence[] {
  const results = resultInputs([...earlier, now])
  const fences = [...earlier, now].filter((fence) => Object.keys(fence).length > 0)
  return fences.map((fence) => {
    const isRead = ownValue(fence, name) !== undefined
    const all = isRead ? ends.map((offset): FencePoint => ({ offset, steps: [] })) : []
    const others = Object.entries(fence).flatMap(([topic, points]) => {
      if (topic === name) return []
      if (!areBehindRepartition(points)) return [[topic, points] as const]
      const seen = seenByAll(Object.values(points), name, isRead ? ends : [], results)
      return [[topic, { [EVERY_PARTITION]: { offset: 0, seen, steps: [] } }] as const]
    })
    return Object.fromEntries([...others, ...(isRead ? [[name, { ...all }] as const] : [])])
  })
}

type Points = Fence[string]

function areBehindRepartition(points: Points): boolean {
  return Object.values(points).some(({ seen }) => seen !== undefined)
}

/** Whether the points are those of tasks behind a repartition topic, of which not all had processed everything. */
function isOfOneTask(points: Points): boolean {
  return areBehindRepartition(points) && ownValue(points, EVERY_PARTITION) === undefined
}

/**
 * What the tasks behind a repartition topic have seen, together: what was sent to it is processed, so the last record that any of
 * them has seen of an input stands for all before it.
 */
function seenByAll(
  points: readonly FencePoint[],
  name: string,
  ends: Ends,
  results: ResultInputs,
): readonly LastSeen[] {
  // The records of the topic, and the results of calls for them.
  const inputs = [inputIdOf(name), ...[...results.keys()].filter((id) => rootInput(id, results) === inputIdOf(name))]
  const last = new Map<string, LastSeen>()
  for (const each of points.flatMap(({ seen = [] }) => seen)) {
    if (inputs.includes(each.input)) continue
    const key = `${each.partition} ${each.input}`
    const before = last.get(key)
    const isLater =
      before === undefined ||
      each.offset > before.offset ||
      (each.offset === before.offset && each.number > before.number)
    if (isLater) last.set(key, each)
  }
  const ofTopic = inputs.flatMap((input) =>
    ends.map((end, partition) => ({ partition, input, offset: end - 1, number: LAST_NUMBER })),
  )
  return [...last.values(), ...ofTopic]
}

/** Whether a step has emitted results that time caused. */
function hasEmitted(saved: unknown): boolean {
  if (isSavedTimers(saved)) return saved.event !== null || saved.wall !== null
  if (typeof saved !== 'object' || saved === null) return false
  return ('emittedBefore' in saved && saved.emittedBefore !== null) || 'open' in saved
}

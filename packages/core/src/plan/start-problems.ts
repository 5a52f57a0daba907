import { EVENT_TIME_MAX } from '../event-time-max.ts'
import type { PlanNode } from './node.ts'
import type { SourceNode } from './nodes/topic-nodes.ts'
import { type StartPlan, startText } from './start-plan.ts'

/** The number of a partition as a key of an object. */
const PARTITION = /^\d{1,9}$/

/** What is wrong with how the topics of a job are begun, in words. */
export function startProblems(steps: readonly PlanNode[]): string[] {
  const first = new Map<string, SourceNode>()
  return steps.flatMap((step) => {
    if (step.kind !== 'source') return []
    const { topic, start } = step
    const problem = problemOf(start)
    if (problem !== undefined) return [`Topic ${topic.name} has no usable start: ${problem}`]
    const known = first.get(topic.name)
    if (known === undefined) first.set(topic.name, step)
    if (known !== undefined && known.bootstrap !== step.bootstrap) {
      return [
        `Topic ${topic.name} is read with bootstrap and without. A job reads a topic once: give the same option wherever it is read`,
      ]
    }
    const [former, other] = [startText((known ?? step).start), startText(start)]
    if (former === other) return []
    return [
      `Topic ${topic.name} is read from two starts, ${former} and ${other}. A job reads a topic once: give the same start ` +
        'wherever it is read',
    ]
  })
}

function problemOf(start: StartPlan | undefined): string | undefined {
  if (
    start?.kind === 'time' &&
    !(Number.isSafeInteger(start.atMs) && start.atMs >= 0 && start.atMs <= EVENT_TIME_MAX)
  ) {
    return (
      "start must be 'earliest', 'latest', { offsets }, or { time } with an ISO date such as '2026-01-31T08:00:00Z' or ms since " +
      `1970, from 0 to ${EVENT_TIME_MAX}`
    )
  }
  if (start?.kind !== 'offsets') return undefined
  const offsets = Object.entries(start.offsets)
  const fits = ([partition, offset]: readonly [string, unknown]) =>
    PARTITION.test(partition) && Number.isSafeInteger(offset) && Number(offset) >= 0
  if (offsets.length > 0 && offsets.every(fits)) return undefined
  return 'the offsets of start must be whole numbers from 0 by the numbers of partitions, such as { 0: 1200, 1: 900 }'
}

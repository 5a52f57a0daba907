import { amount } from '@millrace/core/internal'
import type { RewindPlan, RewindRequest } from './rewind-plan.ts'

/** A person is shown at most so many partitions: more would hide what follows. */
const MOVES_SHOWN = 8

/** What a rewind does, for people, line by line. */
export function rewindSteps(
  { moves }: RewindPlan,
  { keepState = false, repeatOutputs = false }: RewindRequest,
): readonly string[] {
  const lines = moves.map(({ topic, partition, from, to }) => {
    const place = `${topic}/${partition}`
    if (to < from) return `Goes back in ${place} from offset ${from} to ${to}`
    return to > from
      ? `Skips ${place} from offset ${from} to ${to}: the job never processes these records`
      : `Stays in ${place} at offset ${from}`
  })
  const more = lines.length - MOVES_SHOWN
  return [
    ...lines.slice(0, MOVES_SHOWN),
    ...(more > 0 ? [`And ${amount(more, 'other partition')}`] : []),
    keepState
      ? 'Keeps the state: what is processed again has its effect on the state again, so counts and sums have it twice'
      : 'Drops the state: it is computed from the records from there on',
    repeatOutputs
      ? 'Appends all results to the outputs, also those that they have already'
      : 'Appends nothing to the outputs for records that were processed before',
  ]
}

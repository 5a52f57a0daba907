import { RefusedError } from '@millrace/core'
import { amount } from '@millrace/core/internal'

/** Where a task begins to read one of its inputs. */
export interface InputPlace {
  readonly job: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** The error for processed records that are not in the log any more, or never were. */
export function inputLost(place: InputPlace, end: number): RefusedError {
  const { job, topic, partition, offset } = place
  return new RefusedError(
    'INPUT_LOST',
    `The job has processed ${topic}/${partition} up to offset ${offset}, but the log now ends at ${end}. The records between ` +
      `are gone, and the job's results count them (a power cut with durability 'os', or an older copy of the data). Restore ` +
      `the log, or run "millrace reset ${job}" to compute everything from what is there`,
    place,
  )
}

/** The error for deleted records that were to be processed next. */
export function inputGone(place: InputPlace, start: number): RefusedError {
  const { job, topic, partition, offset } = place
  return new RefusedError(
    'INPUT_GONE',
    `The job has processed ${topic}/${partition} up to offset ${offset}, but the log now starts at ${start}. Retention or a ` +
      `purge deleted ${amount(start - offset, 'record')} before the job had read them. Restore the log. Or give the topic a ` +
      `longer retention, and run "millrace reset ${job}" to compute everything from what is there`,
    place,
  )
}

/** A notice for the user of a new job that does not begin with its input's first record. */
export function startsLate({ topic, partition, offset }: InputPlace): string {
  return (
    `Partition ${topic}/${partition} starts at offset ${offset}. Retention or a purge deleted ${amount(offset, 'record')}, and the ` +
    "job's results do not count them"
  )
}

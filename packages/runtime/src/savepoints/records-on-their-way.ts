import type { Batch } from '@millrace/core'
import { readPartition } from '../catalog/read-partition.ts'
import { IDENTITY_BYTES, IDENTITY_HEADER, inputIdOf, readOffset } from '../task/record-identity.ts'
import { isMarker, isRepartition } from '../task/repartition-input.ts'
import type { PresentProgress } from './present-progress.ts'
import { type RewindPlan, refused } from './rewind-plan.ts'
import type { SavepointsOptions } from './savepoints.ts'

/**
 * Throws `REWIND_REFUSED` if records are on their way in repartition topics that would be lost: the tasks that sent them do not go back
 * behind what they were sent for, so they do not send them again. With the state kept, none may be on their way.
 */
export async function requireNoneLost(
  { job, log, env }: SavepointsOptions,
  { catalog, checkpoints }: PresentProgress,
  { moves }: RewindPlan,
  keepState: boolean,
): Promise<void> {
  const isSentAgain = ({ bytes, headerStart }: Batch) => {
    const [partition, input] = [bytes.readUInt32BE(headerStart), bytes.readUInt32BE(headerStart + 4)]
    const move = moves.find((each) => each.partition === partition && inputIdOf(each.topic) === input)
    return move !== undefined && readOffset(bytes, headerStart) >= move.to
  }
  for (const topic of Object.keys(catalog.repartitions)) {
    const partitions = (await log.admin.describeTopic(topic))?.partitions ?? 0
    for (let partition = 0; partition < partitions; partition++) {
      const from = checkpoints.get(partition)?.get(topic)?.offset ?? 0
      await readPartition(
        { log, env },
        topic,
        partition,
        (batch) => {
          while (batch.next()) {
            if (batch.offset < from || isMarker(batch) || (!keepState && hasIdentity(batch) && isSentAgain(batch)))
              continue
            throw refused(
              job,
              `Records are on their way in its topic ${topic}, and belong to its present position. Run "millrace drain ${job}" before, ` +
                'which processes them',
            )
          }
        },
        from,
      )
    }
  }
}

/** Throws `REWIND_REFUSED` for a job that keeps its state, and whose outputs could not be kept back. */
export function requireRecognizable(job: string, { catalog, checkpoints }: PresentProgress): void {
  const own = Object.keys(catalog.repartitions).map(inputIdOf)
  const progresses = [...checkpoints.values()].flatMap((each) => [...each.values()].map(({ progress }) => progress))
  const seen = progresses.flatMap((progress) => (isRepartition(progress) ? progress.seen : []))
  if (!seen.some(({ input }) => own.includes(input))) return
  throw refused(
    job,
    'It sends records through several repartition topics, one after the other. If it keeps its state, it does not recognize which of their ' +
      'results its outputs have. Use --repeat-outputs, or do not keep the state',
  )
}

/** Whether the record at the cursor states where it comes from; the cursor is then at that header. */
function hasIdentity(batch: Batch): boolean {
  return batch.findHeader(IDENTITY_HEADER) && batch.headerEnd - batch.headerStart >= IDENTITY_BYTES
}

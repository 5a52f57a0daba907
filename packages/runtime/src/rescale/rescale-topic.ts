import { type Claim, RefusedError, type Rescaling } from '@millrace/core'
import { finishRescale, prepareRescale } from '../savepoints/rescale-restore.ts'
import { readRestore } from '../savepoints/restore-file.ts'
import { resumeRestore } from '../savepoints/restore-savepoint.ts'
import type { SavepointsOptions } from '../savepoints/savepoints.ts'
import { knownJobs } from '../stopped/stopped-jobs.ts'
import { describe, type Reader, type RescaleOptions, readersOf } from './plan-rescale.ts'
import { type FencedTopic, rescaledFences, whyUnknown } from './rescaled-fences.ts'
import { recordBounds, unprocessedIn } from './unprocessed-records.ts'

/** How a topic is rescaled. */
export interface RescaleHow {
  /** Whether the jobs that read the topic append their outputs again. Default false: consumers see no result twice. */
  readonly repeatOutputs?: boolean
  /**
   * Stops jobs that read the topic, once nothing is appended to it any more, so that they can process all of it. Default: they must be
   * stopped before.
   */
  readonly stop?: (jobs: readonly string[]) => Promise<void>
  /** Ends the rescale between two steps before it is decided: nothing is changed then, and the reason is thrown. */
  readonly signal?: AbortSignal
  /** Called with each step, for people. */
  readonly onProgress?: (text: string) => void
}

/** A topic that was rescaled. */
export interface RescaleResult {
  readonly topic: string
  readonly partitions: number
  /** How many records it has. Null if it had so many partitions already. */
  readonly records: number | null
  /** The jobs that compute everything again when they start. */
  readonly jobs: readonly string[]
}

/**
 * Gives a topic another number of partitions, with all its records, and sets the jobs that read it back to the start of their inputs:
 * they are not started again. Their outputs get nothing twice. A crash leaves the topic and the jobs as they were, or the
 * topic rescaled, and jobs that do not start until a second call, or their node, has set them back.
 *
 * Throws `JOB_RUNNING`, `RESTORE_UNFINISHED` for a job that is being set back otherwise, `OUTPUTS_UNKNOWN` if a job has not processed everything, `UNSUPPORTED` for a log that cannot rescale topics,
 * `BAD_INPUT` for a topic of a job's own, and what `Log.rescale` and `Rescaling` throw.
 */
export async function rescaleTopic(
  options: RescaleOptions,
  topic: string,
  partitions: number,
  how: RescaleHow = {},
): Promise<RescaleResult> {
  const { log } = options
  const { partitions: before } = await describe(log, topic)
  const interrupted = await finishInterrupted(options)
  if (before === partitions) return { topic, partitions, records: null, jobs: interrupted }
  if (log.rescale === undefined) {
    throw new RefusedError('UNSUPPORTED', `The ${log.kind} log at ${log.location} cannot rescale topics`, { topic })
  }
  const namesNow = async () => (await readersOf(options, topic)).map(({ job }) => job)
  const claims = new Map<string, Claim>()
  const claimAll = async (names: readonly string[]) => {
    for (const job of names) if (!claims.has(job)) claims.set(job, await log.claim(job))
  }
  let rescaling: Rescaling | undefined
  try {
    const found = await namesNow()
    if (how.stop === undefined) await claimAll(found)
    rescaling = await log.rescale(topic, partitions)
    how.onProgress?.(`Keeps others from appending to topic ${topic}`)
    const ends = await rescaling.seal()
    how.signal?.throwIfAborted()
    if (how.stop !== undefined) await how.stop(found)
    // Others may have begun to read it since.
    const jobs = await namesNow()
    await claimAll(jobs)
    const records = await rescaleSealed(options, topic, ends, rescaling, how)
    return { topic, partitions, records, jobs }
  } finally {
    await rescaling?.close()
    for (const claim of claims.values()) await claim.release()
  }
}

/** Sets the jobs back whose topics were rescaled by a process that died; returns their names. */
async function finishInterrupted(options: RescaleOptions): Promise<readonly string[]> {
  const finished: string[] = []
  for (const { job } of await knownJobs(options)) {
    const place = placeOf(options, job)
    if (readRestore(place)?.rescaled === undefined) continue
    await resumeRestore(place)
    finished.push(job)
  }
  return finished
}

/** Rescales a topic that is sealed, and whose readers are claimed. Returns how many records it has. */
async function rescaleSealed(
  options: RescaleOptions,
  topic: string,
  ends: readonly number[],
  rescaling: Rescaling,
  { repeatOutputs = false, signal, onProgress = () => undefined }: RescaleHow,
): Promise<number> {
  // Only now: they may have continued until they were claimed.
  const readers = await readersOf(options, topic)
  const former = await recordBounds(options, topic, ends, readers)
  const fenced = (reader: Reader): FencedTopic => ({ name: topic, former, repartitions: reader.repartitions })
  if (!repeatOutputs) for (const reader of readers) await requireKnown(options, fenced(reader), reader)
  signal?.throwIfAborted()
  onProgress('Copies the records')
  const copy = await rescaling.copy()
  signal?.throwIfAborted()
  const places = readers.map(({ job }) => placeOf(options, job))
  try {
    for (const [index, reader] of readers.entries()) {
      const place = places[index]
      if (place === undefined) continue
      const fences = repeatOutputs ? [] : rescaledFences(fenced(reader), copy.ends, reader.now, reader.earlier)
      await prepareRescale(place, { topic, id: copy.topic.id }, fences)
    }
    onProgress('Puts the copy in the place of the topic')
    await rescaling.finish()
  } finally {
    // If that has failed, the jobs stay as they are.
    for (const place of places) {
      onProgress(`Sets job ${place.job} back to the start of its inputs`)
      await finishRescale(place)
    }
  }
  return copy.records
}

/** Throws `OUTPUTS_UNKNOWN`. */
async function requireKnown(options: RescaleOptions, topic: FencedTopic, reader: Reader): Promise<void> {
  const [gap] = reader.skipped
  const skipped = gap && `it was made to skip ${gap.topic}/${gap.partition} from offset ${gap.from} to ${gap.to}`
  const why = skipped ?? (await unprocessedIn(options, reader)) ?? whyUnknown(topic, reader.now, reader.earlier)
  if (why === undefined) return
  throw new RefusedError(
    'OUTPUTS_UNKNOWN',
    `Topic ${topic.name} cannot be rescaled so that no output of job ${reader.job} is repeated: ${why}. Stop what appends to the topic, and ` +
      `let the job process everything ("millrace drain ${reader.job}"), or use --repeat-outputs: the job then appends all its outputs again`,
    { job: reader.job, topic: topic.name },
  )
}

function placeOf({ log, env, data, stateDirectory }: RescaleOptions, job: string): SavepointsOptions {
  return { job, log, env, data, stateDirectory }
}

import { type Env, RefusedError } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { checkPartition, topicMissing } from '../../topic-errors.ts'
import { openDataDirectory, readText } from '../data-directory.ts'
import { diskFailed, messageOf, systemCode } from '../errors.ts'
import { ifThere } from '../if-there.ts'
import { partitionDirectory, topicDirectory, topicsDirectory } from '../paths.ts'
import { TopicStore } from '../topic-store.ts'
import type { LogProblem } from './problem.ts'
import { verifyEnds } from './verify-ends.ts'
import { verifyJournals } from './verify-journals.ts'
import { type VerifiedPartition, verifyPartition } from './verify-partition.ts'

/** What is verified: the whole log, one topic, or one partition. */
export interface Verification {
  readonly topic?: string
  readonly partition?: number
  /** `all`: every byte. `ends`: how each segment begins, and how each partition ends. Default `all`. */
  readonly depth?: 'all' | 'ends'
}

/** The result of verifying one part: a partition, or the files beside the partitions. */
export type Verified =
  | ({ readonly kind: 'partition' } & VerifiedPartition)
  | { readonly kind: 'files'; readonly problems: readonly LogProblem[] }

/**
 * Verifies a file log part by part, one part each time the caller takes the next result; nothing is changed. Throws
 * `FILE_MISSING`, `DATA_VERSION`, `DATA_OWNER`, `TOPIC_MISSING`, `PARTITION_MISSING`.
 */
export async function* verifyLog(
  env: Env,
  data: string,
  wanted: Verification,
): AsyncGenerator<Verified, void, undefined> {
  await checkDataDirectory(env, data)
  yield* verifyParts(env, data, wanted)
}

/**
 * As `verifyLog`, for a data directory that the caller has checked: it does not even make a missing directory in it. Throws
 * `TOPIC_MISSING`, `PARTITION_MISSING`, `LOG_WRITE_FAILED`.
 */
export async function* verifyParts(
  env: Env,
  data: string,
  wanted: Verification,
): AsyncGenerator<Verified, void, undefined> {
  const topics = wanted.topic === undefined ? topicNames(env, data) : [existing(env, data, wanted.topic)]
  for (const topic of topics) {
    // The topic may be deleted meanwhile.
    if (wanted.topic === undefined && env.files.stat(topicDirectory(data, topic)) === undefined) continue
    const { partitions, problems } = topicFile(env, data, topic)
    if (wanted.partition !== undefined) checkPartition(topic, wanted.partition, partitions)
    if (problems.length > 0) yield { kind: 'files', problems }
    for (let partition = wanted.partition ?? 0; partition <= (wanted.partition ?? partitions - 1); partition++) {
      const verified = verifyOne(env, data, topic, partition, wanted.depth === 'ends' ? verifyEnds : verifyPartition)
      if (env.files.stat(topicDirectory(data, topic)) === undefined) break
      yield verified
      await env.timers.turn()
    }
  }
  if (wanted.topic !== undefined) return
  const problems = verifyJournals(env.files, data)
  if (problems.length > 0) yield { kind: 'files', problems }
}

/** Throws unless there is a data directory of this version and of this user. */
export async function checkDataDirectory(env: Env, data: string): Promise<void> {
  if (env.files.stat(data) === undefined) {
    throw new RefusedError('FILE_MISSING', `Data directory ${data} does not exist. Name another one with --data`, {
      file: data,
    })
  }
  await openDataDirectory(env, data)
}

/** The number of partitions: from the topic's settings, or from its directory if those are damaged. */
export function countPartitions(env: Env, data: string, topic: string): number {
  return topicFile(env, data, existing(env, data, topic)).partitions
}

function verifyOne(
  env: Env,
  data: string,
  topic: string,
  partition: number,
  verify: typeof verifyEnds | typeof verifyPartition,
): Verified {
  const directory = partitionDirectory(data, topic, partition)
  try {
    if (env.files.stat(directory) !== undefined) {
      return { kind: 'partition', ...verify(env.files, data, topic, partition) }
    }
  } catch (error) {
    // The topic was deleted, or part of it.
    if (systemCode(error) !== 'ENOENT') throw diskFailed(directory, error, { topic, partition })
  }
  const place = { topic, partition, file: directory, position: 0, end: 0 }
  return {
    kind: 'files',
    problems: [{ severity: 'damage', ...place, what: 'the directory of the partition is missing' }],
  }
}

/** Undamaged settings have the number of partitions; otherwise the directory shows it. */
function topicFile(env: Env, data: string, topic: string): { partitions: number; problems: LogProblem[] } {
  const file = `${topicDirectory(data, topic)}/topic.json`
  const place = { topic, file, position: 0, end: env.files.stat(file)?.bytes ?? 0 }
  try {
    const description = new TopicStore(env, data).describe(topic)
    if (description !== undefined) return { partitions: description.partitions, problems: [] }
    const what = 'the file is missing, so the topic cannot be opened'
    return { partitions: directories(env, data, topic), problems: [{ severity: 'damage', ...place, what }] }
  } catch (error) {
    const what = `it does not hold the settings of a topic: ${reasonOf(env, file, error)}`
    return { partitions: directories(env, data, topic), problems: [{ severity: 'damage', ...place, what }] }
  }
}

function reasonOf(env: Env, file: string, error: unknown): string {
  try {
    JSON.parse(readText(env.files, file) ?? '')
  } catch (cause) {
    return messageOf(cause)
  }
  return messageOf(error instanceof Error ? (error.cause ?? error) : error)
}

function directories(env: Env, data: string, topic: string): number {
  const numbers = env.files.list(topicDirectory(data, topic)).filter((name) => /^\d+$/.test(name))
  return Math.max(-1, ...numbers.map(Number)) + 1
}

function existing(env: Env, data: string, topic: string): string {
  checkName('topic', topic)
  if (env.files.stat(topicDirectory(data, topic)) === undefined) throw topicMissing(topic)
  return topic
}

/** A name that starts with a dot is a topic that is being made or deleted. */
function topicNames(env: Env, data: string): string[] {
  return (ifThere(() => env.files.list(topicsDirectory(data))) ?? []).filter((name) => !name.startsWith('.'))
}

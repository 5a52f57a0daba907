import { setTimeout } from 'node:timers/promises'
import type { Batch, Log, LogReader, PartitionReader, Serde } from '@millrace/core'
import { keyToText, type Topology } from '@millrace/core/internal'
import { shownBytes } from '../topics/tailed-record.ts'
import { windowText } from '../views/window-text.ts'
import { LimitedLines, REPORT_MS } from './limited-lines.ts'
import type { OutputLine } from './version-messages.ts'

/** The longest single wait for records. An append ends the wait at once, and so does the signal. */
const WAIT_MS = 60_000

/** A topic that a job appends to, with its serdes; without them it is shown as text. */
export interface OutputTopic {
  readonly name: string
  readonly key: Serde<unknown> | undefined
  readonly value: Serde<unknown> | undefined
}

/** The topics that a job's steps append to, and its topics for dead letters. Topics that are chosen by each record are not known. */
export function outputTopics({ subtopologies }: Topology, deadLetters: readonly string[]): OutputTopic[] {
  const topics = new Map<string, OutputTopic>()
  for (const node of subtopologies.flatMap(({ nodes }) => nodes)) {
    if (node.kind !== 'sink' || 'choose' in node.topic) continue
    const { name, key, value } = node.topic
    topics.set(name, { name, key: asAny(key), value: asAny(value) })
  }
  for (const name of deadLetters) {
    if (!topics.has(name)) topics.set(name, { name, key: undefined, value: undefined })
  }
  return [...topics.values()]
}

/** The plan has the serdes of all types; what each decodes, it can show. */
function asAny(serde: Serde<never>): Serde<unknown> {
  return serde as Serde<unknown>
}

/** The records that are appended to topics from now on. */
export class TopicRecords {
  readonly #reader: LogReader
  readonly #topics: readonly FollowedTopic[]

  private constructor(reader: LogReader, topics: readonly FollowedTopic[]) {
    this.#reader = reader
    this.#topics = topics
  }

  static async open(log: Log, topics: readonly OutputTopic[]): Promise<TopicRecords> {
    const reader = log.openReader()
    const followed: FollowedTopic[] = []
    for (const topic of topics) {
      const { partitions = 0 } = (await log.admin.describeTopic(topic.name)) ?? {}
      const readers: PartitionReader[] = []
      for (let partition = 0; partition < partitions; partition++) {
        const { end } = await log.admin.offsets(topic.name, partition)
        readers.push(await reader.assign(topic.name, partition, end))
      }
      followed.push({ topic, readers, lines: new LimitedLines('topic', topic.name) })
    }
    return new TopicRecords(reader, followed)
  }

  get lines(): readonly LimitedLines[] {
    return this.#topics.map(({ lines }) => lines)
  }

  /** Reads until the signal, and then what is there. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      if (this.#topics.length === 0) return
      while (!signal.aborted) {
        for (const topic of this.#topics) readNew(topic)
        await this.#reader.wait(WAIT_MS, signal)
        // A flood of appends must not take the job's time.
        await setTimeout(REPORT_MS, undefined, { signal }).catch(() => undefined)
      }
      for (const topic of this.#topics) readNew(topic)
    } finally {
      await this.#reader.close()
    }
  }
}

interface FollowedTopic {
  readonly topic: OutputTopic
  readonly readers: readonly PartitionReader[]
  readonly lines: LimitedLines
}

function readNew({ topic, readers, lines }: FollowedTopic): void {
  for (const reader of readers) {
    while (lines.room > 0) {
      const batch = reader.poll()
      if (batch === undefined) break
      while (batch.next()) {
        if (lines.room > 0) lines.add(lineOf(topic, batch))
        else lines.skip(1)
      }
    }
    // What is not shown need not be read.
    const left = reader.endOffset - reader.position
    if (left <= 0) continue
    lines.skip(left)
    reader.seek(reader.endOffset)
  }
}

function lineOf({ key, value }: OutputTopic, batch: Batch): OutputLine {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
  const shownKey = keyStart < 0 ? { key: '-', window: '' } : keyLine(key, bytes, keyStart, keyEnd)
  if (valueStart < 0) return { ...shownKey, value: null }
  try {
    if (value !== undefined) {
      return { ...shownKey, value: JSON.stringify(value.toJson(value.decode(bytes, valueStart, valueEnd))) }
    }
  } catch {
    // Another program may have appended it.
  }
  return { ...shownKey, value: shownBytes(bytes.subarray(valueStart, valueEnd)) }
}

function keyLine(
  serde: Serde<unknown> | undefined,
  bytes: Buffer,
  start: number,
  end: number,
): Pick<OutputLine, 'key' | 'window'> {
  try {
    if (serde !== undefined) {
      const key = serde.decode(bytes, start, end)
      return windowedKey(serde, key) ?? { key: keyToText(serde, key), window: '' }
    }
  } catch {
    // As above.
  }
  return { key: shownBytes(bytes.subarray(start, end)), window: '' }
}

/** The parts of a key of `windowed(…)`; undefined for another key. */
function windowedKey(serde: Serde<unknown>, key: unknown): Pick<OutputLine, 'key' | 'window'> | undefined {
  if (!serde.name.startsWith('windowed(')) return undefined
  const json = serde.toJson(key)
  if (typeof json !== 'object' || json === null || !('key' in json) || !('window' in json)) return undefined
  const { key: inner, window } = json
  if (typeof window !== 'object' || window === null || !('start' in window) || !('end' in window)) return undefined
  const bounds = { start: Number(window.start), end: Number(window.end) }
  return {
    key: typeof inner === 'string' ? inner : JSON.stringify(inner),
    window: windowText(bounds, { shape: 'interval' }),
  }
}

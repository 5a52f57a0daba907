import type { Batch, Log, Serde } from '@millrace/core'
import { isKeyless, type StoredEntry } from '@millrace/core/internal'
import type { ServedView } from '@millrace/runtime'

/** What a run has come to: by place (a row of a view, a record of an output), its content as text. */
export type JobResults = ReadonlyMap<string, string>

/** A topic that a job writes. The serdes are missing if only bytes are known, as of dead letters. */
export interface OutputTopic {
  readonly name: string
  readonly key?: Serde<unknown>
  readonly value?: Serde<unknown>
}

const READ_TOGETHER = 500

/** What the views of a job hold. */
export interface ViewResults {
  readonly views: JobResults
  /** The rows of stores that delete what is old: until when they have a row depends on the moments of commits. */
  readonly expiring: JobResults
}

/** All rows of some views. `expiring`: the names of those that delete what is old. */
export async function viewResults(served: readonly ServedView[], expiring: ReadonlySet<string>): Promise<ViewResults> {
  const found = { views: new Map<string, string>(), expiring: new Map<string, string>() }
  for (const { name, key, value, parts } of served) {
    const results = expiring.has(name) ? found.expiring : found.views
    for (const { store } of parts) {
      let after: Buffer | null | undefined
      do {
        const page = await store.range({ limit: READ_TOGETHER, ...(after && { after }) })
        for (const entry of page.entries) {
          results.set(`view ${name}, key ${shown(key, entry.key)}${windowOf(entry)}`, shown(value, entry.value))
        }
        after = page.next
      } while (after !== null)
    }
  }
  return found
}

function windowOf({ window, instant }: StoredEntry<unknown, unknown>): string {
  if (window !== undefined) return `, window ${timeText(window.start)} to ${timeText(window.end)}`
  return instant === undefined ? '' : `, ${JSON.stringify(instant)}`
}

/**
 * All committed records of some topics. Those of a key are in their order; records without keys have no order, since the partition
 * to which one of them goes follows from nothing.
 */
export async function outputResults(log: Log, topics: readonly OutputTopic[]): Promise<JobResults> {
  const results = new Map<string, string>()
  for (const topic of topics) {
    const byKey = new Map<string, string[]>()
    const { partitions } = (await log.admin.describeTopic(topic.name)) ?? { partitions: 0 }
    const reader = log.openReader()
    for (let partition = 0; partition < partitions; partition++) {
      const part = await reader.assign(topic.name, partition, 0)
      const { end } = await log.admin.offsets(topic.name, partition)
      while (part.position < end) {
        const batch = part.poll()
        while (batch?.next()) addRecord(byKey, topic, batch)
      }
    }
    await reader.close()
    for (const [key, contents] of byKey) {
      const ordered = key === NO_KEY ? contents.sort() : contents
      ordered.forEach((content, index) => {
        results.set(`topic ${topic.name}, ${key}, record ${index + 1}`, content)
      })
    }
  }
  return results
}

const NO_KEY = 'without a key'

function addRecord(byKey: Map<string, string[]>, topic: OutputTopic, batch: Batch): void {
  const { keyStart, keyEnd, valueStart, valueEnd, timestamp } = batch
  const hasKey = keyStart >= 0 && !(topic.key !== undefined && isKeyless(topic.key))
  const key = hasKey ? `key ${read(topic.key, batch, keyStart, keyEnd)}` : NO_KEY
  const value = valueStart < 0 ? 'a deletion' : read(topic.value, batch, valueStart, valueEnd)
  const contents = byKey.get(key) ?? []
  byKey.set(key, contents)
  contents.push(`${value} at ${timeText(timestamp)}`)
}

function read(serde: Serde<unknown> | undefined, { bytes, topic }: Batch, start: number, end: number): string {
  if (serde === undefined) return JSON.stringify(bytes.toString('latin1', start, end))
  try {
    return shown(serde, serde.decode(bytes, start, end))
  } catch (cause) {
    throw new Error(
      `Records of topic ${topic} cannot be read as ${serde.name}. Define the topic as the job writes it`,
      { cause },
    )
  }
}

/** The largest time that a date can have, ms since the epoch. */
const DATE_MAX = 8.64e15

function timeText(ms: number): string {
  return Math.abs(ms) <= DATE_MAX ? new Date(ms).toISOString() : String(ms)
}

/** The same text for the same data, whatever the order of the fields. */
function shown(serde: Serde<unknown>, value: unknown): string {
  return JSON.stringify(serde.toJson(value), (_, part) => (isPlain(part) ? sorted(part) : part)) ?? 'undefined'
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sorted(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
}

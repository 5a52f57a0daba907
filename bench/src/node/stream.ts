import { deepStrictEqual } from 'node:assert'
import { setTimeout } from 'node:timers/promises'
import { openFileLog } from '@millrace/connectors/file'
import { json, type Log, openTopicWriter, readTopic, string, topic } from '@millrace/core'

/** A round of records, one in each partition, is appended this often. */
const ROUND_MS = 5

const numbers = topic('numbers', { key: string(), value: json<number>() })
const passedOn = topic('passed-on', { key: string(), value: json<number>() })

/** A steady stream of records through a job, and when they came out of it. */
export class Stream {
  readonly #log: Log
  readonly #partitions: number
  readonly #arrivalsMs: number[][]
  readonly #values: number[][]
  readonly #stop = new AbortController()
  readonly #allRead = new AbortController()
  readonly #first = Promise.withResolvers<void>()
  #sent = 0
  #sending: Promise<void> | undefined
  #reading: Promise<void> | undefined

  private constructor(log: Log, partitions: number) {
    this.#log = log
    this.#partitions = partitions
    this.#arrivalsMs = Array.from({ length: partitions }, () => [])
    this.#values = Array.from({ length: partitions }, () => [])
  }

  /** Makes the topics in a data directory, and starts. */
  static async start(data: string, partitions: number): Promise<Stream> {
    const log = await openFileLog({ directory: data })
    for (const name of ['numbers', 'passed-on']) await log.admin.createTopic(name, { partitions })
    const stream = new Stream(log, partitions)
    stream.#reading = stream.#read()
    stream.#sending = stream.#send()
    return stream
  }

  /** Resolves when the first record has come out. */
  first(): Promise<void> {
    return this.#first.promise
  }

  /** The longest time between two records of one partition that came out after `sinceMs`, ms. */
  longestPauseMs(sinceMs: number): number {
    const pauses = this.#arrivalsMs.flatMap((times) => {
      const since = [sinceMs, ...times.filter((time) => time > sinceMs)]
      return since.slice(1).map((time, index) => time - (since[index] ?? time))
    })
    return Math.max(...pauses)
  }

  /** Ends the stream once all records have come out. Throws if one is missing, or came twice. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.#sending
    while (this.#received < this.#sent * this.#partitions) await setTimeout(ROUND_MS)
    this.#allRead.abort()
    await this.#reading
    const all = Array.from({ length: this.#sent }, (_, number) => number)
    for (const values of this.#values) deepStrictEqual(values, all)
    await this.#log.close()
  }

  get #received(): number {
    return this.#values.reduce((sum, values) => sum + values.length, 0)
  }

  async #send(): Promise<void> {
    const writer = await openTopicWriter(this.#log, numbers)
    for (; !this.#stop.signal.aborted; this.#sent++) {
      for (let partition = 0; partition < this.#partitions; partition++) {
        writer.send({ key: `key-${partition}`, value: this.#sent, partition })
      }
      await writer.flush()
      await setTimeout(ROUND_MS)
    }
    await writer.close()
  }

  async #read(): Promise<void> {
    // The partition of the output follows from the key, and may be another one than that of the input.
    for await (const { key, value } of readTopic(this.#log, passedOn, { signal: this.#allRead.signal })) {
      const partition = Number(key.slice('key-'.length))
      this.#arrivalsMs[partition]?.push(performance.now())
      if (value !== null) this.#values[partition]?.push(value)
      this.#first.resolve()
    }
  }
}

import type { TopicReader } from './topic-reader.ts'

/** One of the topics, and whether its reader is at a record that is not processed yet. */
interface Side {
  readonly topic: TopicReader
  isAt: boolean
  isEnded: boolean
}

/** Reads two topics in the order of their records' times; at equal times the first one first. */
export class MergedReader {
  /** The topic that is at the record. */
  topic: TopicReader
  readonly #first: Side
  readonly #second: Side
  #current: Side | undefined

  constructor(first: TopicReader, second: TopicReader) {
    this.#first = { topic: first, isAt: false, isEnded: false }
    this.#second = { topic: second, isAt: false, isEnded: false }
    this.topic = first
  }

  /** How many records of each topic are processed, between two batches. */
  get positions(): readonly [first: number, second: number] {
    return [processed(this.#first), processed(this.#second)]
  }

  /** Moves a topic whose batch has ended to the next one; false at the end of both. */
  nextBatch(): boolean {
    enterBatch(this.#first)
    enterBatch(this.#second)
    return this.#first.isAt || this.#second.isAt
  }

  /** Moves to the next record; false at the end of the batch of one of the two. */
  next(): boolean {
    const [first, second, current] = [this.#first, this.#second, this.#current]
    this.#current = undefined
    if (current !== undefined) {
      current.isAt = current.topic.next()
      if (!current.isAt) return false
    }
    const isFirst = first.isAt && (!second.isAt || first.topic.timestamp <= second.topic.timestamp)
    const side = isFirst ? first : second
    this.#current = side
    this.topic = side.topic
    return true
  }
}

function enterBatch(side: Side): void {
  while (!side.isAt && !side.isEnded) {
    if (side.topic.nextBatch()) side.isAt = side.topic.next()
    else side.isEnded = true
  }
}

function processed({ topic, isAt }: Side): number {
  return isAt ? topic.records - 1 : topic.records
}

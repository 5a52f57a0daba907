import { POSITION_KEY } from '../changelog/position-record.ts'
import type { Database } from '../database.ts'
import type { BytesIterator } from '../level-engine.ts'

const EVERYTHING = { gte: Buffer.of(0), lt: Buffer.of(0xff) }

/** One moment of a database, to be read in both directions. */
export class Moment {
  readonly #database: Database
  readonly #forward: BytesIterator
  readonly #backward: BytesIterator

  private constructor(database: Database, forward: BytesIterator, backward: BytesIterator) {
    this.#database = database
    this.#forward = forward
    this.#backward = backward
  }

  static async open(database: Database): Promise<Moment> {
    for (;;) {
      const { level } = database
      const moment = new Moment(database, level.iterator(EVERYTHING), level.iterator({ ...EVERYTHING, reverse: true }))
      // Each iterator sees the database as it was when the iterator was made. A commit may be written between the two.
      const [first] = await moment.read(POSITION_KEY, 1, false)
      const [last] = await moment.read(POSITION_KEY, 1, true)
      if (first !== undefined && last?.[1].equals(first[1]) === true) return moment
      await moment.close()
    }
  }

  /** The first entries at or after a key; in reverse, the last at or before it. */
  async read(from: Buffer, count: number, reverse: boolean): Promise<[Buffer, Buffer][]> {
    const iterator = reverse ? this.#backward : this.#forward
    try {
      iterator.seek(from)
      return await iterator.nextv(count)
    } catch (error) {
      throw this.#database.readFailed(error)
    }
  }

  async close(): Promise<void> {
    await this.#forward.close()
    await this.#backward.close()
  }
}

/** So many places before the first one are given up together: moving the rest each time would cost as much as there is. */
const PLACES_FREED = 1024

/** A queue: what was added first is taken first. */
export class Fifo<T> {
  #items: T[] = []
  #at = 0

  /** The next one to take; undefined if the queue is empty. */
  get first(): T | undefined {
    return this.#items[this.#at]
  }

  add(item: T): void {
    this.#items.push(item)
  }

  take(): T | undefined {
    const { first } = this
    if (first === undefined) return undefined
    this.#at++
    if (this.#at >= PLACES_FREED && this.#at * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#at)
      this.#at = 0
    }
    return first
  }
}

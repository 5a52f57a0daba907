/** What can be in such a list. */
export interface Linked<E> {
  older: E | undefined
  newer: E | undefined
}

/** Elements in the order in which they were touched last. */
export class RecencyList<E extends Linked<E>> {
  oldest: E | undefined
  #newest: E | undefined

  /** Moves an element to the new end, or puts it there. */
  touch(element: E): void {
    const newest = this.#newest
    if (element === newest) return
    this.remove(element)
    element.older = newest
    if (newest === undefined) this.oldest = element
    else newest.newer = element
    this.#newest = element
  }

  /** Takes an element out; nothing happens if it is not in the list. */
  remove(element: E): void {
    const { older, newer } = element
    if (older !== undefined) older.newer = newer
    else if (this.oldest === element) this.oldest = newer
    if (newer !== undefined) newer.older = older
    else if (this.#newest === element) this.#newest = older
    element.older = undefined
    element.newer = undefined
  }
}

/** A number of places that clients share: each is taken and given back. */
export class Places {
  #free: number
  readonly #full: () => Error

  /** `full` is the error if none is left. */
  constructor(places: number, full: () => Error) {
    this.#free = places
    this.#full = full
  }

  /** Holds a place while `use` runs. Throws if none is left. */
  async hold<T>(use: () => Promise<T>): Promise<T> {
    if (this.#free === 0) throw this.#full()
    this.#free--
    try {
      return await use()
    } finally {
      this.#free++
    }
  }
}

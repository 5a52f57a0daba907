/** The callbacks that are called when one file or directory changes. */
export class Watchers {
  #changed: Set<() => void> | undefined

  add(changed: () => void): void {
    this.#changed ??= new Set()
    this.#changed.add(changed)
  }

  remove(changed: () => void): void {
    this.#changed?.delete(changed)
  }

  notify(): void {
    if (this.#changed === undefined) return
    for (const changed of this.#changed) changed()
  }

  /** Removes all watchers, after a power cut. */
  reset(): void {
    this.#changed = undefined
  }
}

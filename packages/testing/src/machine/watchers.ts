/** Those who want to hear of changes to one file or directory. */
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

  /** Forgets everybody: the power is gone. */
  reset(): void {
    this.#changed = undefined
  }
}

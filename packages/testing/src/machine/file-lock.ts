/** One who holds or wants a lock: an open file. */
export interface LockHolder {
  /** Tells a waiting one that the lock was freed: it may try again. */
  lockFreed(): void
}

/** The advisory lock of a whole file; it belongs to one open file. */
export class FileLock {
  #holder: LockHolder | undefined
  readonly #waiting = new Set<LockHolder>()

  /** Takes the lock where it is free, or held by the same open file already. */
  tryTake(holder: LockHolder): boolean {
    if (this.#holder !== undefined && this.#holder !== holder) return false
    this.#holder = holder
    this.#waiting.delete(holder)
    return true
  }

  /** Will tell the holder when the lock is freed. */
  wait(holder: LockHolder): void {
    this.#waiting.add(holder)
  }

  /** Frees the lock where this one holds it, and lets it wait no more. */
  free(holder: LockHolder): void {
    this.#waiting.delete(holder)
    if (this.#holder !== holder) return
    this.#holder = undefined
    // All of them try again: the one that is told first may be paused.
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const one of waiting) one.lockFreed()
  }

  /** Forgets everybody: the power is gone. */
  reset(): void {
    this.#holder = undefined
    this.#waiting.clear()
  }
}

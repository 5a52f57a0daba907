/** An open file that holds or wants a lock. */
export interface LockHolder {
  /** Notifies a waiting file that the lock was freed: it may try again. */
  lockFreed(): void
}

/** The advisory lock of a whole file; it belongs to one open file. */
export class FileLock {
  #holder: LockHolder | undefined
  readonly #waiting = new Set<LockHolder>()

  /** Takes the lock if it is free, or if the same open file already holds it. */
  tryTake(holder: LockHolder): boolean {
    if (this.#holder !== undefined && this.#holder !== holder) return false
    this.#holder = holder
    this.#waiting.delete(holder)
    return true
  }

  /** Whether another open file holds the lock. */
  isTakenBeside(holder: LockHolder): boolean {
    return this.#holder !== undefined && this.#holder !== holder
  }

  /** Notifies the holder when the lock is freed. */
  wait(holder: LockHolder): void {
    this.#waiting.add(holder)
  }

  /** Frees the lock if this file holds it, and stops its waiting. */
  free(holder: LockHolder): void {
    this.#waiting.delete(holder)
    if (this.#holder !== holder) return
    this.#holder = undefined
    // All waiting files try again, because the one that is notified first may belong to a paused process.
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const one of waiting) one.lockFreed()
  }

  /** Forgets all holders, after a power cut. */
  reset(): void {
    this.#holder = undefined
    this.#waiting.clear()
  }
}

import { MillraceError, type TopicDescription } from '@millrace/core'

/** Cleans a partition: compacts it, or deletes what is too old. */
type Clean = (topic: TopicDescription, partition: number) => Promise<void>

/** The cleaning of partitions that goes on behind appends, beside whatever else does. */
export class Cleaning {
  readonly #clean: Clean
  readonly #running = new Set<Promise<void>>()
  #failure: { readonly error: MillraceError } | undefined

  constructor(clean: Clean) {
    this.#clean = clean
  }

  /** Cleans a partition that has closed a segment. What fails is tried again when the next one is closed, except a sync. */
  behind(topic: TopicDescription, partition: number): void {
    const running = this.#clean(topic, partition)
      .catch((error: unknown) => {
        if (error instanceof MillraceError && error.code === 'LOG_SYNC_FAILED') this.#failure ??= { error }
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Throws a sync that failed: it was of the log's own files, and whoever relies on their being durable must not go on. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Resolves when nothing runs any more. Throws as `check` does. */
  async settle(): Promise<void> {
    await Promise.all(this.#running)
    this.check()
  }
}

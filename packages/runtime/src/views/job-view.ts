import {
  RefusedError,
  RetriableError,
  type Table,
  type ViewKey,
  type ViewValue,
  type ViewWindow,
  type Window,
} from '@millrace/core'
import { type StoreRange, viewOf } from '@millrace/core/internal'
import type { ServedView, ViewPart } from './served-view.ts'

/** How many entries are read at a time. */
const READ_TOGETHER = 500

/** An entry of a view by key. */
export interface JobViewEntry<K, V> {
  readonly key: K
  readonly value: V
}

/** An entry of a view by key and window. */
export interface WindowedJobViewEntry<K, V> extends JobViewEntry<K, V> {
  readonly window: Window
}

/** A view by key, read in the process that runs its job. */
export interface KeyedJobView<K, V> {
  /** The key's value; undefined if it has none. */
  get(key: K): Promise<V | undefined>
  /** All entries, part by part, and in a part in the order of the keys. */
  all(): AsyncIterable<JobViewEntry<K, V>>
}

/** A view by key and window, read in the process that runs its job. */
export interface WindowedJobView<K, V> {
  /** The key's value in the window that starts at `windowStart` (ms since the epoch); undefined if it has none. */
  get(key: K, windowStart: number): Promise<V | undefined>
  /** All windows of one key, by start. */
  windows(key: K): AsyncIterable<WindowedJobViewEntry<K, V>>
  /** All entries, part by part, and in a part by key, then by start. */
  all(): AsyncIterable<WindowedJobViewEntry<K, V>>
}

/** How the view of a table is read: with a window or without. */
export type JobView<T extends Table<unknown, unknown>> =
  ViewWindow<T> extends Window ? WindowedJobView<ViewKey<T>, ViewValue<T>> : KeyedJobView<ViewKey<T>, ViewValue<T>>

/**
 * Reads the views of a job in the process that runs it: what is committed there, and nothing else. `view` returns one by its
 * table.
 */
export class JobViews {
  readonly #job: string
  readonly #views: readonly ServedView[]

  constructor(job: string, views: readonly ServedView[]) {
    this.#job = job
    this.#views = views
  }

  /** Throws `VIEW_MISSING` for a table that is not an output of the job. */
  view<T extends Table<unknown, unknown>>(table: T): JobView<T>
  view(table: Table<unknown, unknown>) {
    const { name } = viewOf(table)
    const view = this.#views.find((each) => each.name === name)
    if (view !== undefined) return new LocalView(this.#job, view)
    const names = this.#views.map((each) => each.name).join(', ')
    throw new RefusedError(
      'VIEW_MISSING',
      `Job ${this.#job} has no view ${JSON.stringify(name)}. Its views: ${names || 'none'}. Pass the table to job(…)`,
      { job: this.#job, store: name },
    )
  }
}

/** A view whose types its table states; only windowed views have windows. */
class LocalView implements WindowedJobView<unknown, unknown> {
  readonly #job: string
  readonly #view: ServedView

  constructor(job: string, view: ServedView) {
    this.#job = job
    this.#view = view
  }

  async get(key: unknown, windowStart?: number): Promise<unknown> {
    for (const { store } of this.#parts()) {
      const found = windowStart === undefined ? await store.get(key) : (await store.getWindow(key, windowStart))?.value
      if (found !== undefined) return found
    }
    return undefined
  }

  windows(key: unknown): AsyncIterable<WindowedJobViewEntry<unknown, unknown>> {
    return this.#entries({ key })
  }

  all(): AsyncIterable<WindowedJobViewEntry<unknown, unknown>> {
    return this.#entries({})
  }

  async *#entries(range: Pick<StoreRange<unknown>, 'key'>): AsyncGenerator<WindowedJobViewEntry<unknown, unknown>> {
    for (const part of this.#parts()) {
      let after: Buffer | null | undefined
      do {
        const page = await part.store.range({ ...range, limit: READ_TOGETHER, ...(after && { after }) })
        // An entry of a view without windows has none: then its type does not have the field either.
        yield* page.entries as Iterable<WindowedJobViewEntry<unknown, unknown>>
        after = page.next
      } while (after !== null)
    }
  }

  /** Throws `VIEW_INCOMPLETE` if other processes have some of the parts, or if they are being restored. */
  #parts(): readonly ViewPart[] {
    const { name, parts, partitions } = this.#view
    if (parts.length === partitions) return parts
    throw new RetriableError(
      'VIEW_INCOMPLETE',
      `This process has ${parts.length} of ${partitions} parts of view ${name}. The others are being restored, or other processes ` +
        'have them. Read the view over HTTP to read all of them',
      { job: this.#job, store: name },
    )
  }
}

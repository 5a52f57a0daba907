import type { Observable } from 'rxjs'
import type {
  ChangesOptions,
  Page,
  ReadOptions,
  ViewEvent,
  WindowedAnswer,
  WindowedEntry,
  WindowedRangeOptions,
  WindowOptions,
} from './view-answers.ts'
import { type Decoded, type ViewReader, WALK_LIMIT, walkPages } from './view-reader.ts'

/** A view by key and window, as a client reads it. It returns only committed state. */
export class WindowedView<K, V> {
  readonly #reader: ViewReader<K, V>

  /** Not for programs: use `MillraceClient.view`, or `windowedView`. */
  constructor(reader: ViewReader<K, V>) {
    this.#reader = reader
  }

  /** The name of the view. */
  get name(): string {
    return this.#reader.name
  }

  /** The key's value in the window that starts at `windowStart` (ms since the epoch); undefined if it has none. */
  async get(key: K, windowStart: number, options: ReadOptions = {}): Promise<V | undefined> {
    return (await this.lookup(key, windowStart, options)).value
  }

  /** As `get`, with the window, and with the position that the answer reflects. */
  lookup(key: K, windowStart: number, options: ReadOptions = {}): Promise<WindowedAnswer<V>> {
    return this.#reader.value(key, windowStart, options)
  }

  /** All windows of one key, by start. A page is read when its entries are needed; `limit` is the page size, by default 1000. */
  windows(key: K, options: WindowOptions = {}): AsyncIterable<WindowedEntry<K, V>> {
    return walkPages((cursor) =>
      this.windowsPage(key, { limit: WALK_LIMIT, ...options, ...(cursor !== undefined && { cursor }) }),
    )
  }

  /** A page of the windows of one key, by start. Each page reflects a different moment. */
  windowsPage(key: K, options: WindowOptions = {}): Promise<Page<WindowedEntry<K, V>>> {
    return this.#reader.page(key, options, windowed)
  }

  /** A page of the entries in a range of keys and windows, by key, then by start. Each page reflects a different moment. */
  range(options: WindowedRangeOptions<K> = {}): Promise<Page<WindowedEntry<K, V>>> {
    return this.#reader.page(undefined, options, windowed)
  }

  /** All entries of a range. A page is read when its entries are needed; `limit` is the page size, by default 1000. */
  all(options: WindowedRangeOptions<K> = {}): AsyncIterable<WindowedEntry<K, V>> {
    return walkPages((cursor) => this.range({ limit: WALK_LIMIT, ...options, ...(cursor !== undefined && { cursor }) }))
  }

  /**
   * What changes from now on, of all keys or of some. Each subscription has its own connection and makes it again when it breaks; unsubscribing closes
   * it. Errors if the first connection cannot be made, or if the server refuses.
   */
  changes(options: ChangesOptions<K> = {}): Observable<ViewEvent<WindowedEntry<K, V | null>>> {
    return this.#reader.changes(windowed, options)
  }
}

function windowed<K, V>({ key, window, value }: Decoded<K, V>): WindowedEntry<K, V> {
  if (window === undefined) throw new Error('an entry has no window')
  return { key, window, value }
}

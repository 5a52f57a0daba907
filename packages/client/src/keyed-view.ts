import type { Observable } from 'rxjs'
import type { Answer, ChangesOptions, Page, RangeOptions, ReadOptions, ViewEntry, ViewEvent } from './view-answers.ts'
import { type Decoded, type ViewReader, WALK_LIMIT, walkPages } from './view-reader.ts'

/** A view by key, as a client reads it. It returns only committed state. */
export class KeyedView<K, V> {
  readonly #reader: ViewReader<K, V>

  /** Not for programs: use `MillraceClient.view`. */
  constructor(reader: ViewReader<K, V>) {
    this.#reader = reader
  }

  /** The name of the view. */
  get name(): string {
    return this.#reader.name
  }

  /** The key's value; undefined if it has none. */
  async get(key: K, options: ReadOptions = {}): Promise<V | undefined> {
    return (await this.lookup(key, options)).value
  }

  /** As `get`, with the position that the answer reflects. */
  lookup(key: K, options: ReadOptions = {}): Promise<Answer<V>> {
    return this.#reader.value(key, undefined, options)
  }

  /** A page of the entries in a range of keys, in the order of the keys. Each page reflects a different moment. */
  range(options: RangeOptions<K> = {}): Promise<Page<ViewEntry<K, V>>> {
    return this.#reader.page(undefined, options, keyed)
  }

  /** All entries of a range. A page is read when its entries are needed; `limit` is the page size, by default 1000. */
  all(options: RangeOptions<K> = {}): AsyncIterable<ViewEntry<K, V>> {
    return walkPages((cursor) => this.range({ limit: WALK_LIMIT, ...options, ...(cursor !== undefined && { cursor }) }))
  }

  /**
   * What changes from now on, of all keys or of some. Each subscription has its own connection and makes it again when it breaks; unsubscribing closes
   * it. Errors if the first connection cannot be made, or if the server refuses.
   */
  changes(options: ChangesOptions<K> = {}): Observable<ViewEvent<ViewEntry<K, V | null>>> {
    return this.#reader.changes(keyed, options)
  }
}

function keyed<K, V>({ key, value }: Decoded<K, V>): ViewEntry<K, V> {
  return { key, value }
}

import { formatPosition, type Window } from '@millrace/core'
import { keyToText } from '@millrace/core/internal'
import { defer, from, type Observable, switchMap } from 'rxjs'
import { followChanges } from './follow-changes.ts'
import type { HttpTransport } from './http-transport.ts'
import {
  completeFromField,
  field,
  listField,
  partsField,
  positionField,
  staleField,
  textField,
  windowField,
} from './json-fields.ts'
import { badAnswer } from './server-error.ts'
import type {
  ChangesOptions,
  Page,
  ReadOptions,
  ViewEvent,
  WindowedAnswer,
  WindowedRangeOptions,
} from './view-answers.ts'
import type { ViewCodec } from './view-codec.ts'

/** An entry of either kind of view; a change's value may be null. */
export interface Decoded<K, V> {
  readonly key: K
  readonly window: Window | undefined
  readonly value: V
}

/** Reads one view over HTTP: what views with and without windows have in common. */
export class ViewReader<K, V> {
  readonly name: string
  readonly #transport: HttpTransport
  readonly #codec: () => Promise<ViewCodec<K, V>>

  constructor(name: string, transport: HttpTransport, codec: () => Promise<ViewCodec<K, V>>) {
    this.name = name
    this.#transport = transport
    this.#codec = codec
  }

  async value(key: K, window: number | undefined, options: ReadOptions): Promise<WindowedAnswer<V>> {
    const codec = await this.#codec()
    const parameters = { key: keyToText(codec.key, key), window, ...readParameters(options) }
    const { body, error } = await this.#transport.request(this.#path('value'), parameters, options.signal)
    if (error !== undefined && error.code !== 'VALUE_MISSING') throw error
    return this.#checked(() => {
      const found = windowField(body)
      return {
        value: error === undefined ? codec.value.fromJson(field(body, 'value')) : undefined,
        ...(found && { window: found }),
        position: positionField(body),
        ...staleField(body),
        ...completeFromField(body),
      }
    })
  }

  /** A page of entries; if `key` is given, of the windows of that key. */
  async page<E>(
    key: K | undefined,
    options: WindowedRangeOptions<K>,
    entryOf: (entry: Decoded<K, V>) => E,
  ): Promise<Page<E>> {
    const codec = await this.#codec()
    const text = (bound: K | undefined) => (bound === undefined ? undefined : keyToText(codec.key, bound))
    const { prefix, windowFrom, windowTo, reverse, limit, cursor } = options
    const keys = { key: text(key), from: text(options.from), to: text(options.to), prefix }
    const parameters = {
      by: options.by,
      ...keys,
      windowFrom,
      windowTo,
      reverse: reverse === true ? 'true' : undefined,
      limit,
      cursor,
      parts: options.parts,
      ...readParameters(options),
    }
    const path = this.#path(key === undefined ? 'entries' : 'windows')
    const body = await this.#transport.read(path, parameters, options.signal)
    return this.#checked(() => ({
      entries: listField(body, 'entries').map((json) =>
        entryOf(decoded(codec, json, codec.value.fromJson(field(json, 'value')))),
      ),
      next: field(body, 'next') === null ? null : textField(body, 'next'),
      position: positionField(body),
      ...completeFromField(body),
      ...partsField(body),
      ...staleField(body),
    }))
  }

  changes<E>(
    entryOf: (entry: Decoded<K, V | null>) => E,
    { parts, key, prefix }: ChangesOptions<K>,
  ): Observable<ViewEvent<E>> {
    const open = (codec: ViewCodec<K, V>) => (signal: AbortSignal, resume: string | undefined) =>
      this.#transport.stream(
        this.#path('changes'),
        { parts, prefix, key: key === undefined ? undefined : keyToText(codec.key, key), resume },
        signal,
      )
    const change = (codec: ViewCodec<K, V>) => (json: unknown) => {
      const value = field(json, 'value')
      return this.#checked(() => entryOf(decoded(codec, json, value === null ? null : codec.value.fromJson(value))))
    }
    return defer(() => from(this.#codec())).pipe(
      switchMap((codec) => followChanges(this.#transport.url, open(codec), change(codec))),
    )
  }

  #path(what: string): string {
    return `/views/${encodeURIComponent(this.name)}/${what}`
  }

  #checked<T>(decode: () => T): T {
    try {
      return decode()
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw badAnswer(this.#transport.url, `its answer for view ${this.name} has an unknown form (${reason})`, cause)
    }
  }
}

/** The page size for reading all entries: the largest, for the fewest requests. */
export const WALK_LIMIT = 1000

/** All pages, one after another. */
export async function* walkPages<E>(page: (cursor: string | undefined) => Promise<Page<E>>): AsyncGenerator<E, void> {
  let cursor: string | undefined
  do {
    const { entries, next } = await page(cursor)
    yield* entries
    cursor = next ?? undefined
  } while (cursor !== undefined)
}

function decoded<K, V>(codec: Pick<ViewCodec<K, unknown>, 'key'>, json: unknown, value: V): Decoded<K, V> {
  return { key: codec.key.fromJson(field(json, 'key')), window: windowField(json), value }
}

function readParameters({ after, timeoutMs, stale }: ReadOptions) {
  return { after: after && formatPosition(after), timeout: timeoutMs, stale: stale === true ? 'true' : undefined }
}

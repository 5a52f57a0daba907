import {
  type JobStatus,
  type Position,
  RefusedError,
  type Table,
  type ViewKey,
  type ViewValue,
  type ViewWindow,
  type Window,
} from '@millrace/core'
import { hasWindows, viewOf } from '@millrace/core/internal'
import { HttpTransport } from './http-transport.ts'
import { completeFromField, field, listField, positionField, textField } from './json-fields.ts'
import { KeyedView } from './keyed-view.ts'
import { badAnswer } from './server-error.ts'
import { jsonCodec, type ViewCodec } from './view-codec.ts'
import { ViewReader } from './view-reader.ts'
import { WindowedView } from './windowed-view.ts'

/** How the view of a table is read: with a window or without. */
export type TableView<T extends Table<unknown, unknown>> =
  ViewWindow<T> extends Window ? WindowedView<ViewKey<T>, ViewValue<T>> : KeyedView<ViewKey<T>, ViewValue<T>>

/** How a client sends its requests. */
export interface ClientOptions {
  /** What sends requests. Default: the runtime's own `fetch`. */
  readonly fetch?: typeof fetch
  /** The token that the job's server requires: `<data>/token` holds it on the machine of the job. Default: no token is sent. */
  readonly token?: string
}

/** A view as its server describes it. */
export interface ViewDescription {
  readonly name: string
  /** The name of the serde of its keys. */
  readonly key: string
  /** The name of the serde of its values. */
  readonly value: string
  /** `key`: one entry for each key. `window`: one for each key and window, all of one size. `interval`: windows of any size. */
  readonly shape: string
  /** The size of the windows in ms, if they all have the same; otherwise null. */
  readonly windowMs: number | null
  /** How many parts the view has. */
  readonly partitions: number
  /** The parts that the server holds, counted from 0. */
  readonly parts: readonly number[]
  /** The position that these parts reflect. */
  readonly position: Position
  /** The view counts every record from this position on; absent: from the start of its inputs. */
  readonly completeFrom?: Position
}

/**
 * Reads the views of one running job. It connects only when it has something to read, keeps no connection open except those of
 * `changes()`, and needs no closing.
 *
 * Its reads reject with the errors of the server (`docs/errors.md` lists their codes): for instance `VIEW_MISSING`,
 * `TOKEN_REFUSED`, `VIEW_INCOMPLETE` while a part of the view moves, and `POSITION_NOT_REACHED`. They reject with
 * `SERVER_UNREACHABLE` if nothing answers, and with `BAD_ANSWER` if the answer is not from a Millrace server.
 *
 * ```ts
 * const client = new MillraceClient('http://127.0.0.1:4711')
 * const total = await client.view(delays).get('ATL', Date.UTC(2001, 0, 1, 8))
 * ```
 */
export class MillraceClient {
  readonly #transport: HttpTransport
  /** Requested once, when a view of which only the name is known is first read. */
  #described: Promise<readonly ViewDescription[]> | undefined

  /** `url`: the URL of any process of the job, such as `http://127.0.0.1:4711`. */
  constructor(url: string, options: ClientOptions = {}) {
    this.#transport = new HttpTransport(url, options.fetch ?? fetch, options.token)
  }

  /**
   * The view of a job's table, with the table's types. Throws `VIEW_MISSING` for a table that is not kept under a name, and
   * `UNSUPPORTED` for a table with windowed keys but no windows, which must be read by its name.
   */
  view<T extends Table<unknown, unknown>>(table: T): TableView<T>
  /** A view by its name. Keys and values are plain JSON; the caller declares their types, and nothing checks them. */
  view<K, V>(name: string): KeyedView<K, V>
  view(source: string | Table<unknown, unknown>) {
    if (typeof source === 'string') return new KeyedView(this.#named(source))
    const access = viewOf(source)
    const reader = new ViewReader(access.name, this.#transport, async () => access)
    if (hasWindows(access.shape)) return new WindowedView(reader)
    requirePlainKeys(access.name, access.key.name)
    return new KeyedView(reader)
  }

  /** As `view`, for a view with windows. */
  windowedView<K, V>(name: string): WindowedView<K, V> {
    return new WindowedView(this.#named<K, V>(name))
  }

  /** The job's views. */
  async views(): Promise<readonly ViewDescription[]> {
    const body = await this.#transport.read('/views', {})
    try {
      return listField(body, 'views').map(describedView)
    } catch (cause) {
      throw badAnswer(this.#transport.url, 'its list of views has an unknown form', cause)
    }
  }

  /** What the process at the URL reports about its part of the job. */
  async status(): Promise<JobStatus> {
    const body = await this.#transport.read('/status', {})
    if (isStatus(body)) return body
    throw badAnswer(this.#transport.url, 'its status has an unknown form')
  }

  #named<K, V>(name: string): ViewReader<K, V> {
    return new ViewReader(name, this.#transport, () => this.#codecOf(name))
  }

  async #codecOf<K, V>(name: string): Promise<ViewCodec<K, V>> {
    this.#described ??= this.views()
    // Those that waited get the failure. The next caller requests the views again.
    const views = await this.#described.catch((error) => {
      this.#described = undefined
      throw error
    })
    const view = views.find((candidate) => candidate.name === name)
    if (view !== undefined) return jsonCodec(view.key)
    const names = views.map((candidate) => candidate.name).join(', ')
    throw new RefusedError('VIEW_MISSING', `The job has no view ${JSON.stringify(name)}. Its views: ${names || 'none'}`)
  }
}

/** By its type alone, a table with windowed keys looks like a table with windows. */
function requirePlainKeys(name: string, keySerde: string): void {
  if (!keySerde.startsWith('windowed(')) return
  throw new RefusedError(
    'UNSUPPORTED',
    `View ${name} has windowed keys but no windows, so it cannot be read as a table with windows. Read it by name: ` +
      `client.view<Windowed<…>, …>('${name}')`,
  )
}

function describedView(json: unknown): ViewDescription {
  return {
    name: textField(json, 'name'),
    key: textField(json, 'key'),
    value: textField(json, 'value'),
    shape: textField(json, 'shape'),
    windowMs: field(json, 'windowMs') === null ? null : Number(field(json, 'windowMs')),
    partitions: Number(field(json, 'partitions')),
    parts: listField(json, 'parts').map(Number),
    position: positionField(json),
    ...completeFromField(json),
  }
}

/** Its other fields are not checked: client and server of one version agree on them. */
function isStatus(body: unknown): body is JobStatus {
  return typeof field(body, 'job') === 'string' && Array.isArray(field(body, 'tasks'))
}

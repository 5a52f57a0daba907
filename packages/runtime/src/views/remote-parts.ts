import { parsePosition, RetriableError, type Timers } from '@millrace/core'
import { keyToText, type StorePage, type StoreRange } from '@millrace/core/internal'
import { socketFetch } from '@millrace/core/node'
import { PAGE_LIMIT_MAX, PEER_MS, WAIT_DEFAULT_MS } from './limits.ts'
import { decodeCursor, encodeCursor } from './page-cursor.ts'
import type { PartSource, Reflecting } from './part-source.ts'
import { type RemoteOwner, type ServedView, SOCKET_SCHEME } from './served-view.ts'

/** How another process of the job is asked. */
export interface PeerOptions {
  /** What this server asks for itself: the processes of a job on one data directory share it. Null: nothing. */
  readonly token: string | null
  /** `after` and `timeout`, as they were asked of this process. */
  readonly wait: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly timers: Timers
}

/** An answer of another process, as far as it is read here. The processes of a job run one version of Millrace. */
interface PeerAnswer {
  readonly code?: string
  readonly message?: string
  readonly position?: string
  readonly parts?: readonly number[]
  readonly value?: unknown
  readonly entries?: readonly PeerEntry[]
  readonly next?: string | null
}

interface PeerEntry {
  readonly key: unknown
  readonly window?: { readonly start: number; readonly end: number }
  readonly value: unknown
  readonly order: string
}

/** The parts of a view that one other process serves, asked over HTTP. */
export class RemoteParts implements PartSource {
  readonly partitions: readonly number[]
  readonly #view: ServedView
  readonly #address: string
  readonly #options: PeerOptions

  constructor(view: ServedView, { address, partitions }: RemoteOwner, options: PeerOptions) {
    this.partitions = partitions
    this.#view = view
    this.#address = address
    this.#options = options
  }

  async value(key: unknown, windowStart: number | undefined): Promise<Reflecting<unknown>> {
    const answer = await this.#ask('value', {
      key: keyToText(this.#view.key, key),
      ...(windowStart !== undefined && { window: `${windowStart}` }),
    })
    const position = parsePosition(answer.position ?? '')
    if (answer.code === 'VALUE_MISSING') return { value: undefined, position }
    return { value: this.#view.value.fromJson(answer.value), position }
  }

  async page(range: StoreRange<unknown>): Promise<Reflecting<StorePage<unknown, unknown>>> {
    const { key, value, name } = this.#view
    const {
      entries = [],
      next = null,
      position = '',
    } = await this.#ask(range.key === undefined ? 'entries' : 'windows', this.#parametersOf(range))
    return {
      position: parsePosition(position),
      value: {
        entries: entries.map((entry) => ({
          key: key.fromJson(entry.key),
          ...(entry.window !== undefined && { window: entry.window }),
          value: value.fromJson(entry.value),
        })),
        order: entries.map(({ order }) => Buffer.from(order, 'base64url')),
        next: next === null ? null : decodeCursor(name, next),
        bytes: JSON.stringify(entries).length,
      },
    }
  }

  #parametersOf(range: StoreRange<unknown>): Record<string, string> {
    const { key, from, to, prefix, windowFrom, windowTo, reverse, after, limit } = range
    const text = (bound: unknown) => keyToText(this.#view.key, bound)
    return {
      ...(key !== undefined && { key: text(key) }),
      ...(from !== undefined && { from: text(from) }),
      ...(to !== undefined && { to: text(to) }),
      ...(prefix !== undefined && { prefix: prefix.toString() }),
      ...(windowFrom !== undefined && { windowFrom: `${windowFrom}` }),
      ...(windowTo !== undefined && { windowTo: `${windowTo}` }),
      ...(after !== undefined && { cursor: encodeCursor(this.#view.name, after) }),
      reverse: `${reverse === true}`,
      limit: `${Math.min(PAGE_LIMIT_MAX, limit * this.partitions.length)}`,
      order: 'true',
    }
  }

  /** Asks for the parts that are there. Throws `VIEW_INCOMPLETE` where that process does not answer, or has others by now. */
  async #ask(what: string, parameters: Record<string, string>): Promise<PeerAnswer> {
    const { token, wait, signal, timers } = this.#options
    const { name } = this.#view
    const query = new URLSearchParams({ ...parameters, ...wait, parts: 'here' })
    const late = new AbortController()
    const timer = timers.after(Number(wait['timeout'] ?? WAIT_DEFAULT_MS) + PEER_MS, () => late.abort('in time'))
    let answer: PeerAnswer
    let status: number
    try {
      const response = await connection(this.#address, token)(
        `/views/${encodeURIComponent(name)}/${what}?${query}`,
        AbortSignal.any([signal, late.signal]),
      )
      status = response.status
      answer = (await response.json()) as PeerAnswer
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw this.#incomplete(`does not answer (${reason})`, cause)
    } finally {
      timer.cancel()
    }
    if (answer.code === 'POSITION_NOT_REACHED')
      throw new RetriableError(answer.code, answer.message ?? '', { store: name })
    if (status !== 200 && answer.code !== 'VALUE_MISSING')
      throw this.#incomplete(`answers ${answer.code}: ${answer.message}`)
    const expected = this.partitions.toSorted((a, b) => a - b)
    if (`${answer.parts}` !== `${expected}`) throw this.#incomplete(`serves the parts ${answer.parts} by now`)
    return answer
  }

  #incomplete(what: string, cause?: unknown): RetriableError {
    const { name } = this.#view
    return new RetriableError(
      'VIEW_INCOMPLETE',
      `the process at ${this.#address}, which has the parts ${this.partitions.join(', ')} of view "${name}", ${what}; ask again`,
      { store: name, cause },
    )
  }
}

/** Where it is a socket the token stays here: only this user can listen there, and nothing is asked for. */
function connection(address: string, token: string | null) {
  const socket = address.startsWith(SOCKET_SCHEME) ? address.slice(SOCKET_SCHEME.length) : undefined
  const send = socket === undefined ? fetch : socketFetch(socket)
  const origin = socket === undefined ? address : 'http://localhost'
  const headers = socket === undefined && token !== null ? { authorization: `Bearer ${token}` } : {}
  return (path: string, signal: AbortSignal) => send(`${origin}${path}`, { headers, signal })
}

import { formatPosition, type Position, parsePosition, RetriableError } from '@millrace/core'
import { keyToText, type StoreRange } from '@millrace/core/internal'
import type { JsonEntry } from './entry-json.ts'
import { PAGE_BYTES_MAX, PAGE_LIMIT_MAX } from './limits.ts'
import { decodeCursor, encodeCursor, orderName } from './page-cursor.ts'
import type { PartPage, PartSource, Reflecting } from './part-source.ts'
import { type PeerOptions, type PeerRequest, queryPeer } from './peer-request.ts'
import type { RemoteOwner, ServedView } from './served-view.ts'

/** The parts of a view that one other process serves, queried over HTTP. Keys and values stay the JSON that they are there. */
export class RemoteParts implements PartSource {
  readonly partitions: readonly number[]
  readonly remote = true
  readonly #view: ServedView
  readonly #owner: RemoteOwner
  readonly #options: PeerOptions
  readonly #kind: 'owner' | 'standbys'
  #failed = false

  /** With `standbys`, the process has a standby of these parts. */
  constructor(view: ServedView, owner: RemoteOwner, options: PeerOptions, kind: 'owner' | 'standbys' = 'owner') {
    this.#kind = kind
    this.partitions = owner.partitions
    this.#view = view
    this.#owner = owner
    this.#options = options
  }

  get address(): string {
    return this.#owner.address
  }

  /** Whether the process has not answered, or does not have the parts. */
  get failed(): boolean {
    return this.#failed
  }

  /** Resolves once that process reflects a position. Throws `PositionNotReached` when that takes too long. */
  async wait(wanted: Position, waitMs: number): Promise<void> {
    const parameters = { after: formatPosition(wanted), timeout: `${waitMs}`, limit: '1' }
    await this.#query({ what: 'entries', parameters, waitMs, wanted })
  }

  async entry(key: unknown, windowStart: number | undefined): Promise<Reflecting<JsonEntry | undefined>> {
    const {
      code,
      key: found,
      window,
      value,
      position,
    } = await this.#query({
      what: 'value',
      parameters: {
        key: keyToText(this.#view.key, key),
        ...(windowStart !== undefined && { window: `${windowStart}` }),
      },
    })
    const entry = code === 'VALUE_MISSING' ? undefined : { key: found, ...(window && { window }), value }
    return { value: entry, position: parsePosition(position ?? '') }
  }

  async page(range: StoreRange<unknown>, holds: (bytes: number) => void): Promise<Reflecting<PartPage>> {
    let bytes = 0
    const {
      entries = [],
      next = null,
      position = '',
    } = await this.#query({
      what: range.key === undefined ? 'entries' : 'windows',
      parameters: this.#parametersOf(range),
      holds: (held) => {
        bytes = held
        holds(held)
      },
    })
    return {
      position: parsePosition(position),
      value: {
        entries: entries.map(
          ({ order: _, ...entry }) =>
            () =>
              entry,
        ),
        order: entries.map(({ order }) => Buffer.from(order, 'base64url')),
        next: next === null ? null : decodeCursor(orderName(this.#view, range), next),
        bytes,
      },
    }
  }

  #parametersOf(range: StoreRange<unknown>): Record<string, string> {
    const { by = 'key', key, from, to, prefix, windowFrom, windowTo, reverse, after, limit, bytesMax } = range
    const text = (bound: unknown) => keyToText(this.#view.key, bound)
    const parts = this.partitions.length
    return {
      ...(by !== 'key' && { by }),
      ...(key !== undefined && { key: text(key) }),
      ...(from !== undefined && { from: text(from) }),
      ...(to !== undefined && { to: text(to) }),
      ...(prefix !== undefined && { prefix: prefix.toString() }),
      ...(windowFrom !== undefined && { windowFrom: `${windowFrom}` }),
      ...(windowTo !== undefined && { windowTo: `${windowTo}` }),
      ...(after !== undefined && { cursor: encodeCursor(orderName(this.#view, range), after) }),
      ...(bytesMax !== undefined && { bytes: `${Math.min(PAGE_BYTES_MAX, bytesMax * parts)}` }),
      reverse: `${reverse === true}`,
      limit: `${Math.min(PAGE_LIMIT_MAX, limit * parts)}`,
      order: 'true',
    }
  }

  async #query(request: PeerRequest) {
    const copies = { parts: this.partitions.join(','), stale: 'true' }
    const parameters = { ...request.parameters, ...(this.#kind === 'standbys' ? copies : { parts: 'here' }) }
    try {
      return await queryPeer(this.#view, this.#owner, this.#options, { ...request, parameters })
    } catch (error) {
      this.#failed = error instanceof RetriableError && error.code === 'VIEW_INCOMPLETE'
      throw error
    }
  }
}

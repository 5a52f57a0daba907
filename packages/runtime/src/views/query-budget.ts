import type { ServerResponse } from 'node:http'
import { RetriableError, type Timers } from '@millrace/core'
import { cutUnlessTaken } from '../http/cut-unless-taken.ts'
import { whenGone } from '../http/when-gone.ts'
import { QUERIES_BYTES_MAX, QUERIES_WAITING_MAX, QUERY_WAIT_MS_MAX, WAITS_MAX } from './limits.ts'

interface Waiting {
  readonly bytes: number
  begin(): void
}

/**
 * The memory that all queries of a server share. A query begins once there is room for the most that it may hold, in the
 * order in which they come; one that is larger than the whole budget begins alone. What it holds is free once its client has
 * the answer, or has disconnected.
 */
export class QueryBudget {
  readonly #timers: Timers
  #heldBytes = 0
  readonly #waiting = new Set<Waiting>()
  /** The oldest first. */
  readonly #shares = new Set<QueryShare>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** What all queries hold now. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Waits for room; the share ends with the response. Throws `TOO_MANY_QUERIES` if that takes too long, or too many wait. */
  async admit(response: ServerResponse, bytes: number): Promise<QueryShare> {
    if (this.#waiting.size === 0 && this.#hasRoom(bytes)) return this.#begin(response, bytes)
    if (this.#waiting.size >= QUERIES_WAITING_MAX) throw tooManyQueries()
    return new Promise((resolve, reject) => {
      let stay = () => {}
      const leave = () => {
        timer.cancel()
        stay()
        this.#waiting.delete(waiting)
      }
      const giveUp = () => {
        leave()
        reject(tooManyQueries())
        this.#admitWaiting()
      }
      const begin = () => {
        leave()
        resolve(this.#begin(response, bytes))
      }
      const waiting: Waiting = { bytes, begin }
      const timer = this.#timers.after(QUERY_WAIT_MS_MAX, giveUp)
      this.#waiting.add(waiting)
      stay = whenGone(response, giveUp)
    })
  }

  #begin(response: ServerResponse, bytes: number): QueryShare {
    const share = new QueryShare(response, bytes, this.#timers, (to) => this.#resize(share, to))
    this.#shares.add(share)
    this.#heldBytes += bytes
    whenGone(response, () => share.end())
    return share
  }

  #hasRoom(bytes: number): boolean {
    return this.#shares.size === 0 || this.#heldBytes + bytes <= QUERIES_BYTES_MAX
  }

  #resize(share: QueryShare, to: number | undefined): void {
    // The oldest query may always grow, so that at least one query gets to its end.
    const [oldest] = this.#shares
    const heldBytes = this.#heldBytes - share.bytes + (to ?? 0)
    if (to !== undefined && to > share.bytes && share !== oldest && heldBytes > QUERIES_BYTES_MAX)
      throw tooManyQueries()
    this.#heldBytes = heldBytes
    if (to === undefined) this.#shares.delete(share)
    this.#admitWaiting()
  }

  #admitWaiting(): void {
    for (const waiting of [...this.#waiting]) {
      if (!this.#hasRoom(waiting.bytes)) return
      waiting.begin()
    }
  }
}

/** What one query holds of the budget. */
export class QueryShare {
  readonly #response: ServerResponse
  readonly #timers: Timers
  readonly #resize: (to: number | undefined) => void
  #bytes: number
  #ended = false

  constructor(response: ServerResponse, bytes: number, timers: Timers, resize: (to: number | undefined) => void) {
    this.#response = response
    this.#bytes = bytes
    this.#timers = timers
    this.#resize = resize
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The query holds this many bytes now. Throws `TOO_MANY_QUERIES` if that is more than there is. */
  holds(bytes: number): void {
    if (this.#ended) return
    this.#resize(bytes)
    this.#bytes = bytes
  }

  /** The query is answered with this many bytes, which the client has to take in time. */
  answers(bytes: number): void {
    this.holds(bytes)
    cutUnlessTaken(this.#response, this.#timers)
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#resize(undefined)
  }
}

function tooManyQueries(): RetriableError {
  return new RetriableError(
    'TOO_MANY_QUERIES',
    'The queries that are being answered use all memory that queries may use, and not enough was freed in time. Retry in ' +
      'a moment, with fewer queries at a time or a smaller limit',
  )
}

/** Too many queries wait for a position. */
export function tooManyWaits(): RetriableError {
  return new RetriableError(
    'TOO_MANY_QUERIES',
    `The server accepts ${WAITS_MAX} queries that wait for a position, and has that many. Retry in a moment`,
  )
}

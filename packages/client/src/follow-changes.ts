import { MillraceError, RefusedError, RetriableError } from '@millrace/core'
import type { EventSourceMessage } from 'eventsource-parser'
import { concatMap, defer, type Observable, retry, throwError, timeout, timer } from 'rxjs'
import { eventConnection, type Received } from './event-connection.ts'
import { completeFromField, partsField, positionField, resetField } from './json-fields.ts'
import { serverError } from './server-error.ts'
import type { ViewEvent } from './view-answers.ts'

/** The wait before the first new connection; doubled after each connection that fails. */
const RETRY_MS = 200

/** The longest wait between two connections. */
const RETRY_MS_MAX = 10_000

/** Three of the server's heartbeats: a stream that sends nothing for this long is dead. */
const SILENCE_MS_MAX = 45_000

/** Opens the stream; `signal` ends it. `resumeFrom` is the id of the last event that was received, if there was one. */
export type OpenChanges = (signal: AbortSignal, resumeFrom: string | undefined) => Promise<ReadableStream<Uint8Array>>

/**
 * A view's changes, over as many connections as necessary, each of which continues where the one before ended. An error before
 * the first connection is final, and so is one that no retry can resolve. After every other error it retries, for as long as
 * there is a subscriber.
 */
export function followChanges<E>(
  url: string,
  open: OpenChanges,
  decode: (json: unknown) => E,
): Observable<ViewEvent<E>> {
  return defer(() => {
    const commits = new CommitAssembler(decode)
    return eventConnection(url, (signal) => open(signal, commits.begin())).pipe(
      timeout({ each: SILENCE_MS_MAX, with: () => throwError(() => silent(url)) }),
      concatMap((received) => commits.take(received)),
      retry({
        delay: (error) =>
          commits.connected && isPassing(error)
            ? timer(Math.min(RETRY_MS * 2 ** commits.failures++, RETRY_MS_MAX))
            : throwError(() => error),
      }),
    )
  })
}

/** Puts the events of each commit together. Half a commit, cut off with its connection, is not reported: it comes again. */
class CommitAssembler<E> {
  readonly #decode: (json: unknown) => E
  #entries: E[] = []
  /** The id up to which everything was reported. */
  #last: string | undefined
  /** How often in a row the stream could not be opened again. */
  failures = 0

  constructor(decode: (json: unknown) => E) {
    this.#decode = decode
  }

  get connected(): boolean {
    return this.#last !== undefined
  }

  /** A connection begins. Returns the id after which it continues. */
  begin(): string | undefined {
    this.#entries = []
    return this.#last
  }

  take(received: Received): ViewEvent<E>[] {
    if (received === 'alive') return []
    switch (received.event) {
      case 'position':
        return this.#start(received)
      case 'change':
        this.#entries.push(this.#decode(JSON.parse(received.data)))
        return received.id === undefined ? [] : this.#reached(received)
      case 'reached':
        this.failures = 0
        return this.#reached(received)
      case 'error':
        throw serverError('the stream of changes', 200, JSON.parse(received.data))
      default:
        // A later server may send more kinds of events.
        return []
    }
  }

  #start({ id = '', data }: EventSourceMessage): ViewEvent<E>[] {
    this.failures = 0
    this.#entries = []
    const started: unknown = JSON.parse(data)
    this.#last = id
    return [
      {
        kind: 'start',
        position: positionField(started),
        ...completeFromField(started),
        ...partsField(started),
        ...resetField(started),
      },
    ]
  }

  /** Everything up to an id is here. */
  #reached({ id, data }: EventSourceMessage): ViewEvent<E>[] {
    const entries = this.#entries
    const position = positionField(JSON.parse(data))
    this.#entries = []
    this.#last = id
    return entries.map((entry) => ({ kind: 'change', entry, position }))
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof MillraceError && !(error instanceof RefusedError)
}

function silent(url: string): RetriableError {
  return new RetriableError('SERVER_UNREACHABLE', `The server at ${url} has sent nothing for ${SILENCE_MS_MAX} ms`)
}

import { RetriableError } from '@millrace/core'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { Observable } from 'rxjs'
import { unreachable } from './server-error.ts'

/** What arrives over a stream of Server-Sent Events. The server sends comments as heartbeats. */
export type Received = EventSourceMessage | 'alive'

/** Opens the stream; `signal` ends it. */
export type OpenStream = (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>

/** The limit of an event's length: many times the largest record. A longer event is not from a Millrace server. */
const EVENT_CHARS_MAX = 64 * 1024 * 1024

/** One connection, from opening to end. It never completes: the end of a stream is an error. Unsubscribing closes it. */
export function eventConnection(url: string, open: OpenStream): Observable<Received> {
  return new Observable((subscriber) => {
    const stop = new AbortController()
    const parser = createParser({
      onEvent: (message) => subscriber.next(message),
      onComment: () => subscriber.next('alive'),
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') subscriber.error(unreachable(url, error))
      },
      maxBufferSize: EVENT_CHARS_MAX,
    })
    const read = async () => {
      const reader = (await open(stop.signal)).getReader()
      const decoder = new TextDecoder()
      for (;;) {
        const { done, value } = await reader.read().catch((cause) => Promise.reject(unreachable(url, cause)))
        if (done || subscriber.closed) break
        parser.feed(decoder.decode(value, { stream: true }))
      }
      throw new RetriableError('SERVER_UNREACHABLE', `The server at ${url} ended the stream of changes`)
    }
    read().catch((error) => subscriber.error(error))
    return () => stop.abort()
  })
}

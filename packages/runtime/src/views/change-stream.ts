import type { ServerResponse } from 'node:http'
import type { Timer, Timers } from '@millrace/core'
import { whenGone } from '../http/when-gone.ts'
import type { ChangeFeed, Following } from './change-feed.ts'
import type { Wanted } from './followers.ts'
import { HEARTBEAT_MS, SELECTIVE_BUFFER_BYTES_MAX, STREAM_BUFFER_BYTES_MAX } from './limits.ts'

export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}

/** A comment in Server-Sent Events: it shows that the connection is alive. */
const HEARTBEAT = ':\n\n'

/** What a client follows. */
export interface StreamOptions {
  /** Fields of the event with which the stream begins. */
  readonly start: object
  readonly wanted: Wanted
  /** The id of the last event that the client had, if it comes back. */
  readonly resumeFrom: string | undefined
}

/**
 * Answers a request with a view's changes, until the client disconnects, `signal` aborts, or the client reads so slowly that too much of its data is unsent: then it is
 * cut off, and the commits are not held up. Resolves when the response has ended.
 *
 * Writes straight to the response: its `writableLength` is what the client has not taken yet.
 */
export function streamChanges(
  response: ServerResponse,
  feed: ChangeFeed,
  { start, wanted, resumeFrom }: StreamOptions,
  timers: Timers,
  signal: AbortSignal,
): Promise<void> {
  const bytesMax = wanted.of === 'all' ? STREAM_BUFFER_BYTES_MAX : SELECTIVE_BUFFER_BYTES_MAX
  return new Promise((resolve) => {
    let open = true
    let following: Following | undefined
    /** The last event that stated up to where the client has every change. */
    let reached: Buffer | undefined
    let heartbeat: Timer | undefined
    // A response that was ended or cut off takes no more writes, and reports that only later.
    const close = (how: 'end' | 'destroy') => {
      if (!open) return
      open = false
      following?.leave()
      heartbeat?.cancel()
      signal.removeEventListener('abort', end)
      response[how]()
    }
    const end = () => close('end')
    const send = (events: Buffer | string) => {
      if (response.writableLength > bytesMax) close('destroy')
      else if (open) response.write(events)
    }
    const beat = () => {
      if (response.writableLength === 0) {
        const now = following?.reached
        send(now === undefined || now === reached ? HEARTBEAT : now)
        reached = now
      }
      heartbeat = timers.after(HEARTBEAT_MS, beat)
    }
    whenGone(response, () => {
      end()
      resolve()
    })
    if (!open) return
    signal.addEventListener('abort', end, { once: true })
    response.writeHead(200, STREAM_HEADERS)
    heartbeat = timers.after(HEARTBEAT_MS, beat)
    // Half of what may wait for the client: what is committed next must have room too.
    following = feed.follow({ send, end }, { start, wanted, resumeFrom, bytesMax: bytesMax / 2 })
    reached = following.reached
    // Its client learns that it is connected while what it has missed is read.
    if (reached === undefined) response.flushHeaders()
    if (!open) following.leave()
  })
}

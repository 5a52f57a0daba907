import type { ServerResponse } from 'node:http'
import type { Timers } from '@millrace/core'
import { ANSWER_MS_MAX } from './limits.ts'
import { whenGone } from './when-gone.ts'

/** Disconnects the client of an answer that is written, unless it takes the answer in time. */
export function cutUnlessTaken(response: ServerResponse, timers: Timers): void {
  const cut = timers.after(ANSWER_MS_MAX, () => response.req.socket.destroy())
  response.once('finish', () => cut.cancel())
  whenGone(response, () => cut.cancel())
}

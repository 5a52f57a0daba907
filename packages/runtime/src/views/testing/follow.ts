import { vi } from 'vitest'

/** The text of a Server-Sent Events response, as it comes. */
export interface Followed {
  readonly text: () => string
  /** Waits until the text ends with this. */
  readonly until: (ending: string) => Promise<unknown>
  /** Resolves when the server ended the response. */
  readonly ended: Promise<void>
  readonly stop: () => void
}

/** Follows a view's changes as `fetch` gives them; with the header of a browser that comes back, if an id is given. */
export async function follow(url: string, lastEventId?: string): Promise<Followed> {
  const stop = new AbortController()
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  const response = await fetch(url, { signal: stop.signal, headers })
  if (response.status !== 200 || response.body === null) throw new Error(`${response.status} ${await response.text()}`)
  let text = ''
  const read = async (body: ReadableStream<Uint8Array>) => {
    for await (const chunk of body) text += Buffer.from(chunk).toString()
  }
  const ended = read(response.body).catch(() => {})
  return {
    text: () => text,
    until: (ending) => vi.waitUntil(() => text.endsWith(ending), { interval: 1 }),
    ended,
    stop: () => stop.abort(),
  }
}

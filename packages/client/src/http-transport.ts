import type { MillraceError } from '@millrace/core'
import { badAnswer, serverError, unreachable } from './server-error.ts'

/** Query parameters; those that are undefined are left out. */
export type Parameters = Readonly<Record<string, string | number | undefined>>

/** An answer's JSON; the error in it if the status is not 200. */
export interface Answered {
  readonly body: unknown
  readonly error: MillraceError | undefined
}

/** The body of a request that changes something. */
export interface SentBody {
  readonly type: string
  readonly body: string
}

/** Sends requests to one server. It uses only `fetch`, so that it works in every runtime. */
export class HttpTransport {
  /** Without a slash at its end. */
  readonly url: string
  readonly #fetch: typeof fetch
  readonly #authorization: { readonly authorization?: string }

  constructor(url: string, fetchFunction: typeof fetch, token: string | undefined) {
    this.url = url.replace(/\/+$/, '')
    this.#fetch = fetchFunction
    this.#authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  }

  /** Throws if there is no answer, or if it is not from a Millrace server. */
  async request(path: string, parameters: Parameters, signal?: AbortSignal): Promise<Answered> {
    const url = `${this.url}${path}${queryText(parameters)}`
    const response = await this.#open(url, 'application/json', signal)
    if (response.status !== 200) return refused(url, response)
    try {
      return { body: await response.json(), error: undefined }
    } catch (cause) {
      if (signal?.aborted === true) throw cause
      throw cause instanceof SyntaxError ? badAnswer(url, 'the body is not JSON', cause) : unreachable(url, cause)
    }
  }

  /** As `request`, but throws the error in the answer. */
  async read(path: string, parameters: Parameters, signal?: AbortSignal): Promise<unknown> {
    const { body, error } = await this.request(path, parameters, signal)
    if (error !== undefined) throw error
    return body
  }

  /** The body of a 200 as a stream of Server-Sent Events, still to be parsed. */
  async stream(path: string, parameters: Parameters, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const url = `${this.url}${path}${queryText(parameters)}`
    const response = await this.#open(url, 'text/event-stream', signal)
    if (response.status !== 200) throw (await refused(url, response)).error
    const type = response.headers.get('content-type') ?? ''
    if (response.body === null || !type.startsWith('text/event-stream')) {
      throw badAnswer(url, `it answered a request for events with "${type}"`)
    }
    return response.body
  }

  /** The lines of JSON of a 200, as they come; with a body, the answer to a POST. */
  async *lines(
    path: string,
    parameters: Parameters,
    { sent, signal }: { readonly sent?: SentBody; readonly signal?: AbortSignal },
  ): AsyncGenerator<unknown, void> {
    const url = `${this.url}${path}${queryText(parameters)}`
    const response = await this.#open(url, 'application/x-ndjson', signal, sent)
    if (response.status !== 200) throw (await refused(url, response)).error
    try {
      let rest = ''
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) yield JSON.parse(line)
      }
      if (rest !== '') yield JSON.parse(rest)
    } catch (cause) {
      if (signal?.aborted === true) throw cause
      throw cause instanceof SyntaxError ? badAnswer(url, 'a line is not JSON', cause) : unreachable(url, cause)
    }
  }

  /** Sends a body with POST, and returns the answer's JSON. Throws the error in the answer. */
  async send(path: string, sent: SentBody): Promise<unknown> {
    const url = `${this.url}${path}`
    const response = await this.#open(url, 'application/json', undefined, sent)
    if (response.status !== 200) throw (await refused(url, response)).error
    try {
      return await response.json()
    } catch (cause) {
      throw badAnswer(url, 'the body is not JSON', cause)
    }
  }

  async #open(url: string, accept: string, signal?: AbortSignal, sent?: SentBody): Promise<Response> {
    // Called as a plain function: a browser's fetch throws when it is called on another object.
    const send = this.#fetch
    const headers = { accept, ...this.#authorization, ...(sent && { 'content-type': sent.type }) }
    try {
      return await send(url, { headers, ...(signal && { signal }), ...(sent && { method: 'POST', body: sent.body }) })
    } catch (cause) {
      if (signal?.aborted === true) throw cause
      throw unreachable(url, cause)
    }
  }
}

async function refused(url: string, response: Response): Promise<Answered & { readonly error: MillraceError }> {
  const body: unknown = await response.json().catch(() => undefined)
  return { body, error: serverError(url, response.status, body) }
}

function queryText(parameters: Parameters): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, String(value))
  }
  return query.size === 0 ? '' : `?${query}`
}

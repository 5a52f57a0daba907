import type { MillraceError } from '@millrace/core'
import { badAnswer, serverError, unreachable } from './server-error.ts'

/** Query parameters; those that are undefined are left out. */
export type Parameters = Readonly<Record<string, string | number | undefined>>

/** An answer's JSON; the error in it if the status is not 200. */
export interface Answered {
  readonly body: unknown
  readonly error: MillraceError | undefined
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

  async #open(url: string, accept: string, signal?: AbortSignal): Promise<Response> {
    // Called as a plain function: a browser's fetch throws when it is called on another object.
    const send = this.#fetch
    try {
      return await send(url, { headers: { accept, ...this.#authorization }, ...(signal && { signal }) })
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

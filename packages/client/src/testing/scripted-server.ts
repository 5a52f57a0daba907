/** A `fetch` whose answers the test gives, and the requests that it received. */
export class ScriptedServer {
  readonly requests: URL[] = []
  readonly #answers = new Map<string, () => Response | Promise<Response>>()
  /** The stream of each connection that was opened, in order. */
  readonly streams: ScriptedStream[] = []

  readonly fetch: typeof fetch = async (input, init) => {
    const url = new URL(String(input))
    this.requests.push(url)
    const answer = this.#answers.get(url.pathname)
    if (answer === undefined) throw new TypeError('fetch failed')
    const response = await answer()
    const stream = this.streams.at(-1)
    if (stream?.response === response) init?.signal?.addEventListener('abort', () => stream.abort())
    return response
  }

  answer(path: string, body: unknown, status = 200): void {
    this.#answers.set(path, () => Response.json(body, { status }))
  }

  respond(path: string, response: () => Response): void {
    this.#answers.set(path, response)
  }

  /** Answers with a stream of events, a new one for each connection. */
  stream(path: string): void {
    this.#answers.set(path, () => {
      const stream = new ScriptedStream()
      this.streams.push(stream)
      return stream.response
    })
  }

  /** From now on no server answers. */
  stop(path: string): void {
    this.#answers.delete(path)
  }
}

export class ScriptedStream {
  readonly response: Response
  aborted = false
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor() {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller
      },
    })
    this.response = new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
  }

  send(text: string | Uint8Array): void {
    this.#controller?.enqueue(typeof text === 'string' ? new TextEncoder().encode(text) : text)
  }

  end(): void {
    this.#controller?.close()
  }

  break(): void {
    this.#controller?.error(new TypeError('terminated'))
  }

  abort(): void {
    this.aborted = true
    this.#controller?.error(new DOMException('aborted', 'AbortError'))
  }
}

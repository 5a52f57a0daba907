import { vi } from 'vitest'

/** A client of a view's changes that reads the events as they are, and comes back with the id that it had last. */
export class ResumingClient {
  /** The changes that it has had, in order: `<key>=<value>`. */
  readonly changes: string[] = []
  /** Why it had to begin again, each time. */
  readonly resets: string[] = []
  /** What the changes make of the entries that it has read. */
  readonly copy = new Map<string, unknown>()
  #id = ''
  #position = ''
  #connection: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined
  #reading: Promise<void> = Promise.resolve()
  readonly #filter: string
  readonly #headers: Readonly<Record<string, string>>

  /** `filter`: `key=…` or `prefix=…`; empty: all changes. */
  constructor(filter = '', token?: string) {
    this.#filter = filter
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  }

  /** The last id that it had. */
  get id(): string {
    return this.#id
  }

  get connected(): boolean {
    return this.#connection !== undefined
  }

  /** Connects to the view at a URL, again with the last id, and returns once the server has stated where the client is. */
  async connect(view: string): Promise<void> {
    const stop = new AbortController()
    const headers = { ...this.#headers, ...(this.#id !== '' && { 'last-event-id': this.#id }) }
    const response = await fetch(`${view}/changes?${this.#filter}`, { signal: stop.signal, headers })
    if (response.status !== 200 || response.body === null) throw new Error(await response.text())
    let begun = false
    const read = async (body: ReadableStream<Uint8Array>) => {
      let text = ''
      let open: { readonly key: string; readonly value: unknown }[] = []
      for await (const chunk of body) {
        text += Buffer.from(chunk).toString()
        const events = text.split('\n\n')
        text = events.pop() ?? ''
        for (const event of events) {
          const [, kind, , id, data = '{}'] = /^event: (\w+)\n(id: (\S+)\n)?data: (.*)$/s.exec(event) ?? []
          const { position, reset, ...change } = JSON.parse(data)
          if (kind === 'change') open.push(change)
          if (kind === 'position') {
            open = []
            if (reset !== undefined) this.resets.push(reset)
            this.#reading = this.#readAll(view)
          }
          if (id === undefined) continue
          for (const each of open) this.#take(each.key, each.value)
          open = []
          this.#id = id
          this.#position = position
          begun ||= kind === 'position' || kind === 'reached'
        }
      }
    }
    this.#connection = { stop, ended: read(response.body).catch(() => undefined) }
    await vi.waitUntil(() => begun, { interval: 1, timeout: 10_000 })
    await this.#reading
  }

  async disconnect(): Promise<void> {
    this.#connection?.stop.abort()
    await this.#connection?.ended
    await this.#reading
    this.#connection = undefined
  }

  /** Waits until it has had everything up to a position, as a view states it. */
  async reached(position: string): Promise<void> {
    await vi.waitUntil(() => this.#position === position, { interval: 2, timeout: 10_000 })
  }

  #take(key: string, value: unknown): void {
    this.changes.push(`${key}=${value}`)
    if (value === null) this.copy.delete(key)
    else this.copy.set(key, value)
  }

  /** What it reads is of a later moment than the event, so it is right once the changes since then are applied. */
  async #readAll(view: string): Promise<void> {
    const response = await fetch(`${view}/entries?limit=1000`, { headers: this.#headers })
    const { entries } = (await response.json()) as { readonly entries: { key: string; value: unknown }[] }
    this.copy.clear()
    for (const { key, value } of entries) if (this.#wants(key)) this.copy.set(key, value)
  }

  #wants(key: string): boolean {
    const [kind, text = ''] = this.#filter.split('=')
    return kind === 'key' ? key === text : key.startsWith(text)
  }
}

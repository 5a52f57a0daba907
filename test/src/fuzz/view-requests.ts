/** A request as bytes, and what its client does with the answer. */
export interface FuzzedRequest {
  readonly text: string
  /** The client disconnects after so many bytes of the answer; never, if this is absent. */
  readonly leavesAfter?: number
}

const PATHS = ['value', 'windows', 'entries', 'changes', 'other', '', '%2e%2e', 'entries/..']
const VIEWS = ['latest', 'sums', 'nothing', '', '__proto__', '%00', 'l%61test']
const NAMES = [
  'key',
  'window',
  'from',
  'to',
  'prefix',
  'windowFrom',
  'windowTo',
  'reverse',
  'limit',
  'cursor',
  'after',
  'timeout',
  'parts',
  'x',
]
const TEXTS = [
  '',
  'k1',
  'k',
  '0',
  '-1',
  '1e3',
  '9007199254740993',
  '%',
  '%FF',
  '%00',
  '%F0%9F%92%A9',
  '%ED%A0%80',
  'null',
  '{}',
  '"',
  '+',
  'here',
  'true',
  "'",
  '%1B%5B31m',
]
const POSITIONS = [
  'counts/0=1',
  'counts/0=999999999',
  'counts/0=-1',
  'texts/0=1,counts/1=5',
  'counts/9=1',
  'a/b',
  '__proto__/0=1',
  'counts/0=9007199254740993',
]
const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE', 'get', 'FETCH', 'CONNECT', 'PRI']
const HOSTS = [
  'localhost',
  '127.0.0.1:80',
  '[::1]',
  'evil.example',
  '',
  'localhost:99999',
  '127.0.0.999',
  'a b',
  'localhost\r\nHost: localhost',
]
const TARGETS = [
  'http://localhost/status',
  'http://evil.example/',
  '*',
  '//localhost/views',
  '/\\',
  '/%',
  '/status#x',
  '/status?%',
  '/views?',
  'views',
  '/./views',
  '/views//latest/value?key=k1',
]
const HEADERS = [
  'Origin: https://ops.example.com',
  'Origin: https://evil.example',
  'Origin: null',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 1\r\nContent-Length: 2',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nContent-Length: 3',
  'Transfer-Encoding: gzip',
  'Expect: 100-continue',
  'Upgrade: websocket\r\nConnection: upgrade',
  'Connection: keep-alive',
  'Range: bytes=0-1',
  'Accept-Encoding: gzip',
  'Authorization: Bearer wrong-token-of-nobody',
  'X: \u0001',
  ': nameless',
  'no colon',
  ' folded: x',
]

/** Requests that a seed generates: valid ones, ones with an error in them, and bytes that are hardly a request. */
export class ViewRequests {
  readonly #random: () => number
  readonly #token: string

  constructor(random: () => number, token: string) {
    this.#random = random
    this.#token = token
  }

  next(): FuzzedRequest {
    const kind = this.#random()
    if (kind < 0.2) return this.#leaving(this.#heavy())
    if (kind < 0.6) return this.#leaving(this.#request('GET', this.#query(), 'localhost', []))
    if (kind < 0.8) return this.#leaving(this.#odd())
    if (kind < 0.95) return this.#leaving(this.#damaged(this.#chance(0.5) ? this.#odd() : this.#heavy()))
    return this.#leaving(String.fromCharCode(...Array.from({ length: this.#below(300) }, () => this.#below(256))))
  }

  /** The requests that cost the server most. */
  #heavy(): string {
    const target = this.#one([
      '/views/latest/entries?limit=1000',
      '/views/latest/value?key=k7',
      '/views/sums/entries?limit=1000&windowFrom=99999999999',
      '/views/sums/entries?limit=1000&windowTo=-99999999999',
      '/views/sums/entries?limit=1000',
      '/views/sums/entries?limit=1000&prefix=k1&windowFrom=2000',
      `/views/sums/entries?after=counts/0=99999999&timeout=${this.#below(300)}`,
      '/views/latest/changes',
    ])
    return this.#request('GET', target, 'localhost', [])
  }

  #odd(): string {
    const target = this.#chance(0.3) ? this.#one(TARGETS) : this.#query()
    const headers = Array.from({ length: this.#below(3) }, () => this.#one(HEADERS))
    if (this.#chance(0.02)) headers.push(`Cookie: ${'x'.repeat(this.#below(100_000))}`)
    if (this.#chance(0.02)) headers.push(...Array.from({ length: 3000 }, (_, n) => `X-${n}: y`))
    return this.#request(this.#one(METHODS), target, this.#one(HOSTS), headers)
  }

  /** A request in which a piece is missing, doubled, changed, or cut off. */
  #damaged(text: string): string {
    const at = this.#below(text.length)
    const end = at + this.#below(20)
    switch (this.#below(4)) {
      case 0:
        return text.slice(0, at) + text.slice(end)
      case 1:
        return text.slice(0, end) + text.slice(at)
      case 2:
        return text.slice(0, at) + String.fromCharCode(this.#below(256)) + text.slice(at + 1)
      default:
        return text.slice(0, at)
    }
  }

  #query(): string {
    const parameters = Array.from({ length: this.#below(5) }, () => {
      const name = this.#one(NAMES)
      const text = name === 'after' ? this.#one(POSITIONS) : this.#one(TEXTS)
      return `${name}=${name === 'timeout' ? this.#below(300) : text}`
    })
    const padding = this.#chance(0.02) ? `&key=${'k'.repeat(this.#below(60_000))}` : ''
    return `/views/${this.#one(VIEWS)}/${this.#one(PATHS)}?${parameters.join('&')}${padding}`
  }

  #request(method: string, target: string, host: string, headers: readonly string[]): string {
    const shown = this.#chance(0.95) ? [`Authorization: Bearer ${this.#token}`] : []
    const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...shown, ...headers, 'Connection: close']
    const body = this.#chance(0.05) ? 'x'.repeat(this.#below(10)) : ''
    const text = `${lines.join('\r\n')}\r\n\r\n${body}`
    // Several requests at once on one connection.
    return this.#chance(0.05) ? text.replace('Connection: close', 'Connection: keep-alive') + text : text
  }

  #leaving(text: string): FuzzedRequest {
    // A request whose answer never ends by itself.
    if (text.includes('/changes')) return { text, leavesAfter: 1 + this.#below(200) }
    return this.#chance(0.15) ? { text, leavesAfter: this.#below(3) * this.#below(100_000) } : { text }
  }

  #one<T>(choices: readonly T[]): T {
    const chosen = choices[this.#below(choices.length)]
    if (chosen === undefined) throw new Error('there is nothing to choose from')
    return chosen
  }

  #chance(share: number): boolean {
    return this.#random() < share
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end)
  }
}

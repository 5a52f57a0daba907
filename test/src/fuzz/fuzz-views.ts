import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '../flights/seeded-random.ts'
import { wrongAnswer } from './answers.ts'
import { type FuzzedRequest, ViewRequests } from './view-requests.ts'

const SERVER = fileURLToPath(new URL('serve-views.ts', import.meta.url))
const TOKEN = 'a-token-of-this-test'
/** The number of clients at a time: so many that the server does not have room for all of them. */
const CLIENTS = 24
/**
 * A client that received nothing for so long disconnects. By then the server has ended every answer that is not a stream of
 * changes.
 */
const QUIET_MS = 8_000
/** After each round, the server must answer within this time: many times what all earlier requests may take. */
const ALIVE_MS = 20_000

export interface FuzzResult {
  readonly requests: number
  /** The longest time that the thread of the job was blocked, ms. */
  readonly blockedMs: number
}

/** Sends the requests that a seed generates to a job's views. Throws if an answer is wrong, or the process does not survive. */
export async function fuzzViews(
  seed: number,
  count: number,
  onProgress: (done: number) => void = () => {},
): Promise<FuzzResult> {
  const server = await FuzzedServer.start()
  const requests = new ViewRequests(seededRandom(seed), TOKEN)
  let blockedMs = 0
  try {
    for (let done = 0; done < count; done += CLIENTS) {
      const round = Array.from({ length: Math.min(CLIENTS, count - done) }, () => requests.next())
      const problems = await Promise.all(round.map((request) => server.request(request)))
      const [problem] = problems.filter((each) => each !== undefined)
      if (problem !== undefined) throw new Error(`seed ${seed}, requests ${done} to ${done + CLIENTS}: ${problem}`)
      blockedMs = Math.max(blockedMs, await server.alive(`seed ${seed}, after ${done + CLIENTS} requests`))
      onProgress(done + round.length)
    }
    await server.expectRoom()
    return { requests: count, blockedMs }
  } finally {
    await server.end()
  }
}

class FuzzedServer {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #exited: Promise<unknown>
  #url = ''

  private constructor() {
    const memory = '--max-old-space-size=160'
    const options = [memory, '--conditions=millrace-source', SERVER, TOKEN]
    this.#child = spawn(process.execPath, options, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#exited = once(this.#child, 'exit')
    if (this.#child.stdout === null) throw new Error('the server has no output')
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]()
  }

  static async start(): Promise<FuzzedServer> {
    const server = new FuzzedServer()
    server.#url = await server.#line()
    // All produced records are in the views.
    await server.#json('/views/sums/entries?limit=1&timeout=30000&after=counts/0=15000,counts/1=15000')
    return server
  }

  /** Sends a request; returns the problem of the answer. */
  async request(request: FuzzedRequest): Promise<string | undefined> {
    const received = await exchange(Number(new URL(this.#url).port), request)
    const problem = wrongAnswer(received, request.text.includes('HEAD'))
    return problem === undefined ? undefined : `${problem}\n${JSON.stringify(request.text.slice(0, 1000))}`
  }

  /** Checks that the process and its job still work. Returns how long its thread was blocked. */
  async alive(when: string): Promise<number> {
    this.#child.stdin?.write('.\n')
    const blocked = this.#line()
    const value = this.#json('/views/sums/value?key=k1500&window=1000')
    const answers = await within(Promise.all([value, blocked]), `${when}: the server does not answer`)
    const [{ value: sum }, blockedMs] = answers
    if (sum !== 1) throw new Error(`${when}: a sum is ${JSON.stringify(sum)}, and not 1`)
    return Number(blockedMs)
  }

  /** Checks that queries have released their room: as many pages at once as there is room for are all answered. */
  async expectRoom(): Promise<void> {
    const page = () => this.#json('/views/latest/entries?limit=1000')
    await within(Promise.all([page(), page(), page()]), 'there is no room for pages')
  }

  async end(): Promise<void> {
    this.#child.stdin?.end()
    await this.#exited
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('the server has ended')
    return value
  }

  async #json(path: string): Promise<{ readonly value?: unknown }> {
    for (;;) {
      const response = await fetch(`${this.#url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } })
      const body = (await response.json()) as { readonly value?: unknown }
      if (response.status === 200) return body
      // The server is busy with earlier requests.
      if (response.status !== 503)
        throw new Error(`${path} is answered with ${response.status} ${JSON.stringify(body)}`)
    }
  }
}

/** Sends bytes. Resolves with the bytes received until the server closes, nothing more arrives, or the client disconnects. */
function exchange(port: number, { text, leavesAfter }: FuzzedRequest): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const socket = connect(port, '127.0.0.1', () => socket.end(Buffer.from(text, 'latin1')))
    socket.setTimeout(QUIET_MS, () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (leavesAfter !== undefined && bytes >= leavesAfter) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}

function within<T>(answer: Promise<T>, problem: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${problem} within ${ALIVE_MS} ms`)), ALIVE_MS)
  return Promise.race([answer, late.promise]).finally(() => clearTimeout(timer))
}

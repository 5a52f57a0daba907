import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A request with headers and methods of the test's choice; `fetch` would set its own Host. */
export function rawRequest(url: string, options: { method?: string; headers?: Record<string, string> } = {}) {
  return new Promise<RawAnswer>((resolve, reject) => {
    const sent = request(url, options, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() })
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** What an answer may hold; the test decides which of it is there. */
type AnswerField =
  | 'job'
  | 'views'
  | 'key'
  | 'value'
  | 'entries'
  | 'next'
  | 'position'
  | 'completeFrom'
  | 'code'
  | 'message'

export interface JsonAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Partial<Record<AnswerField, unknown>>
}

/** A GET whose answer must be JSON. */
export async function getJson(url: string): Promise<JsonAnswer> {
  const response = await fetch(url)
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) }
}

/** Sends bytes as they are; resolves with what comes back until the server closes. */
export function rawExchange(url: string, sent: string): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(sent))
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
  })
}

import { ERROR_CODES } from '@millrace/core'

/** The statuses that the reference lists. */
const STATUSES = [200, 204, 400, 401, 403, 404, 405, 408, 413, 431, 503, 504]

interface Answer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  readonly rest: string
}

/**
 * The problem of the answers of a connection, up to where it was cut off; undefined if there is none. Every answer has a
 * status that the reference lists. If that is not 200, it has a body with a code, except for HEAD. An answer that rejects a
 * request for now states when to retry.
 */
export function wrongAnswer(received: string, isHead: boolean): string | undefined {
  for (let rest = received; rest !== ''; ) {
    const answer = parseAnswer(rest)
    if (answer === 'cut off') return undefined
    if (typeof answer === 'string') return answer
    const problem = problemOf(answer, isHead)
    if (problem !== undefined) return `${problem}: ${answer.status} ${answer.body.slice(0, 300)}`
    rest = answer.rest
  }
  return undefined
}

function problemOf({ status, headers, body }: Answer, isHead: boolean): string | undefined {
  if (!STATUSES.includes(status)) return 'a status that is not listed'
  if (status === 503 && !headers.has('retry-after')) return 'no Retry-After'
  if (status >= 400 && !isHead && Number(headers.get('content-length') ?? 0) === 0) return 'an error without a body'
  if (status === 204 || body === '') return undefined
  if (headers.get('content-type')?.startsWith('text/event-stream') === true) return undefined
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    return 'a body that is not JSON'
  }
  if (status === 200) return undefined
  const code = typeof json === 'object' && json !== null && 'code' in json ? String(json.code) : ''
  return Object.hasOwn(ERROR_CODES, code) ? undefined : 'an error without a code'
}

/** The first answer in the text; an error as text if it is not one. */
function parseAnswer(text: string): Answer | 'cut off' | string {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0)
    return text.startsWith('HTTP/1.1 ') || 'HTTP/1.1 '.startsWith(text) ? 'cut off' : `no HTTP: ${text.slice(0, 300)}`
  const [start = '', ...lines] = text.slice(0, end).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(start)?.[1])
  if (Number.isNaN(status)) return `no status: ${start.slice(0, 300)}`
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const after = text.slice(end + 4)
  // An interim answer, before the final one.
  if (status === 100) return parseAnswer(after)
  if (headers.has('transfer-encoding')) return { status, headers, body: '', rest: '' }
  const length = Number(headers.get('content-length') ?? 0)
  // The answer to HEAD has a length and no body: the next answer or the end follows.
  if (after === '' || after.startsWith('HTTP/1.1 ')) return { status, headers, body: '', rest: after }
  if (after.length < length) return 'cut off'
  return { status, headers, body: Buffer.from(after.slice(0, length), 'latin1').toString(), rest: after.slice(length) }
}

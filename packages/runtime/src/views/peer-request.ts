import { type Position, parsePosition, RefusedError, RetriableError, type Timers } from '@millrace/core'
import type { WindowBounds } from '@millrace/core/internal'
import { socketFetch } from '@millrace/core/node'
import { serverClosing } from '../http/server-closing.ts'
import { SOCKET_SCHEME } from '../http/socket-scheme.ts'
import { PEER_MS } from './limits.ts'
import { PositionNotReached } from './position-not-reached.ts'
import type { RemoteOwner, ServedView } from './served-view.ts'

/** How to query another process of the job. */
export interface PeerOptions {
  /** The token that this server requires: the processes of a job on one data directory share it. Null: no token. */
  readonly token: string | null
  /** Aborts when this server closes, or when the client of the query has disconnected. */
  readonly signal: AbortSignal
  readonly timers: Timers
}

/** An answer of another process, as far as it is read here. The processes of a job run one version of Millrace. */
export interface PeerAnswer {
  readonly code?: string
  readonly message?: string
  readonly position?: string
  readonly parts?: readonly number[]
  readonly key?: unknown
  readonly window?: WindowBounds
  readonly value?: unknown
  readonly entries?: readonly PeerEntry[]
  readonly next?: string | null
}

export interface PeerEntry {
  readonly key: unknown
  readonly window?: WindowBounds
  readonly value: unknown
  readonly order: string
}

/** One request to another process of the job. */
export interface PeerRequest {
  readonly what: 'value' | 'windows' | 'entries'
  readonly parameters: Readonly<Record<string, string>>
  /** How long the process may wait before it answers, ms. */
  readonly waitMs?: number
  /** The position that it waits for. */
  readonly wanted?: Position
  /** Called with the answer's size, in bytes, as it comes, and throws to end it. */
  readonly holds?: (bytes: number) => void
}

/**
 * Queries a process for parts of a view that it has, as `parameters` name them. Returns its answer, which may be `VALUE_MISSING`. Throws
 * `VIEW_INCOMPLETE` if it does not answer in time, or has other parts by now; and throws its refusal if it refuses.
 */
export async function queryPeer(
  view: ServedView,
  owner: RemoteOwner,
  { token, signal, timers }: PeerOptions,
  request: PeerRequest,
): Promise<PeerAnswer> {
  const { what, parameters, waitMs = 0, holds = () => undefined } = request
  const query = new URLSearchParams(parameters)
  // Positions are long, and none of these characters ends a parameter.
  const text = query.toString().replaceAll('%2F', '/').replaceAll('%3D', '=').replaceAll('%2C', ',')
  const late = new AbortController()
  const timer = timers.after(waitMs + PEER_MS, () => late.abort('in time'))
  let answer: PeerAnswer
  let status: number
  try {
    const path = `/views/${encodeURIComponent(view.name)}/${what}?${text}`
    const response = await connection(owner.address, token)(path, AbortSignal.any([signal, late.signal]))
    status = response.status
    answer = JSON.parse(await textOf(response, holds)) as PeerAnswer
  } catch (cause) {
    if (cause instanceof RetriableError) throw cause
    if (signal.aborted) throw serverClosing()
    const reason = late.signal.aborted ? 'in time' : `(${cause instanceof Error ? cause.message : String(cause)})`
    throw incomplete(view, owner, `does not answer ${reason}`, cause)
  } finally {
    timer.cancel()
  }
  if (status !== 200 && answer.code !== 'VALUE_MISSING') throw refusal(view, owner, request, answer)
  const expected = owner.partitions.toSorted((a, b) => a - b)
  if (`${answer.parts}` !== `${expected}`) throw incomplete(view, owner, `now serves ${partsText(answer.parts)}`)
  return answer
}

/** What a process's refusal means to the client: its own code if that is more precise than that parts are missing. */
function refusal(view: ServedView, owner: RemoteOwner, { wanted }: PeerRequest, answer: PeerAnswer): Error {
  const { code, message = '', position } = answer
  switch (code) {
    case 'POSITION_NOT_REACHED':
      return new PositionNotReached(view, wanted ?? {}, parsePosition(position ?? ''))
    case 'TOO_MANY_QUERIES':
      return new RetriableError(code, message, { store: view.name })
    case 'VIEW_INCOMPLETE':
    case 'VIEW_MISSING':
    case 'SERVER_CLOSING':
    case 'STATE_DAMAGED':
      return incomplete(view, owner, `answers ${code}: ${message}`)
    default: {
      const hint = code === 'TOKEN_REFUSED' ? '. Start all processes of the job with the same token' : ''
      return new RefusedError('QUERY_FAILED', `The process at ${owner.address} answers ${code}: ${message}${hint}`, {
        store: view.name,
      })
    }
  }
}

function incomplete({ name }: ServedView, owner: RemoteOwner, what: string, cause?: unknown): RetriableError {
  return new RetriableError(
    'VIEW_INCOMPLETE',
    `The process at ${owner.address}, which had ${partsText(owner.partitions)} of view ${name}, ${what}. Retry in a moment`,
    { store: name, cause },
  )
}

function partsText(parts: readonly number[] = []): string {
  return parts.length === 0 ? 'no part' : `${parts.length === 1 ? 'part' : 'parts'} ${parts.join(', ')}`
}

async function textOf({ body }: Response, holds: (bytes: number) => void): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    chunks.push(chunk)
    bytes += chunk.length
    holds(bytes)
  }
  return Buffer.concat(chunks, bytes).toString()
}

/** On a socket the token is not sent: only this user can listen there, and the socket requires none. */
function connection(address: string, token: string | null) {
  const socket = address.startsWith(SOCKET_SCHEME) ? address.slice(SOCKET_SCHEME.length) : undefined
  const send = socket === undefined ? fetch : socketFetch(socket)
  const origin = socket === undefined ? address : 'http://localhost'
  const headers = socket === undefined && token !== null ? { authorization: `Bearer ${token}` } : {}
  return (path: string, signal: AbortSignal) => send(`${origin}${path}`, { headers, signal, redirect: 'error' })
}

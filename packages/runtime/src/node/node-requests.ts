import { type Author, type JobSettings, RefusedError } from '@millrace/core'
import { isValidName } from '@millrace/core/internal'
import type { HttpContext } from '../http/http-context.ts'
import { integer, type Query } from '../http/query-parameters.ts'
import { allowLongBody } from '../http/slow-bodies.ts'
import { parseRewindPlace } from '../savepoints/rewind-place.ts'
import type { RewindRequest } from '../savepoints/rewind-plan.ts'
import { ARTEFACT_TRANSFER_BYTES_MAX, artefactTooLarge } from './artefacts/transfer.ts'
import type { HistoryRequest } from './deployments.ts'
import { BODY_BYTES_MAX, HISTORY_EVENTS_MAX, TEXT_CHARACTERS_MAX } from './limits.ts'
import type { DeployRequest, DryRun, ScaleRequest } from './node.ts'

/** The fields of a request's JSON body, each checked when it is read. */
export type Body = Readonly<Record<string, unknown>>

/**
 * The body of a request that changes something: an object whose fields are among `names`. Throws `BAD_REQUEST` for a body that is
 * not JSON, or is declared as something else: a form of a web page cannot declare JSON.
 */
export async function readBody(c: HttpContext, names: readonly string[]): Promise<Body> {
  requireJson(c)
  const bytes = await readBytes(c, BODY_BYTES_MAX, bodyTooLarge)
  let body: unknown
  try {
    body = JSON.parse(bytes.toString())
  } catch (cause) {
    throw new RefusedError('BAD_REQUEST', 'The body is not JSON. Send a JSON object', { cause })
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RefusedError('BAD_REQUEST', 'The body is not a JSON object. Send an object')
  }
  const unknown = Object.keys(body).find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new RefusedError(
      'BAD_REQUEST',
      `Field ${JSON.stringify(unknown)} is unknown. The fields are: ${names.join(', ')}`,
    )
  }
  return { ...body }
}

/** An artefact in the body of a request, which may take longer than others to come. Throws `ARTEFACT_TOO_LARGE`. */
export async function readArtefactText(c: HttpContext): Promise<string> {
  requireJson(c)
  allowLongBody(c.env.incoming)
  return (await readBytes(c, ARTEFACT_TRANSFER_BYTES_MAX, artefactTooLarge)).toString('latin1')
}

/** A form of a web page cannot declare JSON. */
function requireJson(c: HttpContext): void {
  const type = c.req.header('content-type') ?? ''
  if (/^application\/json *(;|$)/i.test(type)) return
  throw new RefusedError('BAD_REQUEST', `The content type is ${JSON.stringify(type)}. Send application/json`)
}

/** A request's body. Throws `tooLarge` as soon as it is known to have more bytes than `bytesMax`. */
async function readBytes(c: HttpContext, bytesMax: number, tooLarge: () => RefusedError): Promise<Buffer> {
  const { incoming, outgoing } = c.env
  const refuse = () => {
    // Otherwise the rest of the body would be read, and ignored.
    outgoing.setHeader('connection', 'close')
    return tooLarge()
  }
  if (Number(incoming.headers['content-length'] ?? 0) > bytesMax) throw refuse()
  if (incoming.headers.expect !== undefined) outgoing.writeContinue()
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > bytesMax) throw refuse()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

function bodyTooLarge(): RefusedError {
  return new RefusedError('BAD_REQUEST', `The body has more than the maximum of ${BODY_BYTES_MAX} bytes`)
}

/** The fields that every change may have. */
export const AUTHOR_FIELDS = ['by', 'why']

/** Who requests a change, and why. */
export function authorIn(body: Body): Author {
  return { by: textIn(body, 'by') ?? 'http', why: textIn(body, 'why') ?? null }
}

/** The fields of a deploy, and of a plan of it. */
export const DEPLOY_FIELDS = ['artefact', 'settings', 'acceptLoss']

/** What a deploy requests. */
export function deployIn(body: Body): DeployRequest {
  const artefact = textIn(body, 'artefact')
  if (artefact === undefined) throw badField('artefact', 'the id of an artefact', undefined)
  const settings = body['settings'] ?? {}
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw badField('settings', 'an object', settings)
  return { artefact, settings: settingsIn({ ...settings }), acceptLoss: namesIn(body, 'acceptLoss') }
}

/** Which part of a history is requested. */
export function historyIn(query: Query): Partial<HistoryRequest> {
  const limit = integer(query, 'limit', `1 to ${HISTORY_EVENTS_MAX}`, 1, HISTORY_EVENTS_MAX)
  const before = integer(query, 'before', 'that of a page', 0, Number.MAX_SAFE_INTEGER)
  return { ...(limit !== undefined && { limit }), ...(before !== undefined && { before }) }
}

/** The name of a savepoint. */
export function savepointIn(body: Body): string | undefined {
  return textIn(body, 'name')
}

/** Whether outputs are repeated after a restore. */
export function repeatIn(body: Body): { readonly repeatOutputs: boolean } {
  return { repeatOutputs: flagIn(body, 'repeatOutputs') }
}

/** The fields of a rewind. */
export const REWIND_FIELDS = ['to', 'keepState', 'skip', 'repeatOutputs', 'dryRun']

/** Where a job is to be rewound to, and how. */
export function rewindIn(body: Body): RewindRequest & DryRun {
  const to = textIn(body, 'to')
  if (to === undefined) throw badField('to', 'start, a date or a position', to)
  return {
    to: parseRewindPlace(to),
    keepState: flagIn(body, 'keepState'),
    skip: flagIn(body, 'skip'),
    dryRun: flagIn(body, 'dryRun'),
    ...repeatIn(body),
  }
}

/** Whether a field is true; false if it is absent. */
export function flagIn(body: Body, name: string): boolean {
  const value = body[name] ?? false
  if (typeof value === 'boolean') return value
  throw badField(name, 'true or false', value)
}

/** A number of containers, or the bounds between which the node chooses it. They are checked with the other settings. */
export function scaleIn(body: Body): ScaleRequest {
  const { containers, auto } = body
  if (containers === undefined && auto === undefined) throw badField('containers', 'a number, or give auto', containers)
  if (containers !== undefined && typeof containers !== 'number') throw badField('containers', 'a number', containers)
  return { ...(containers !== undefined && { containers }), auto: boundsIn(auto) }
}

function boundsIn(auto: unknown): JobSettings['auto'] {
  if (auto === undefined || auto === null) return null
  const { min, max }: Body = typeof auto === 'object' ? { ...auto } : {}
  if (typeof min === 'number' && typeof max === 'number') return { min, max }
  throw badField('auto', 'a min and a max', auto)
}

/** Their values are checked where they are used. */
const SETTINGS: readonly string[] = [
  'containers',
  'auto',
  'guarantee',
  'standbys',
  'commitIntervalMs',
  'heapBytesMax',
  'diskBytesMax',
]

function settingsIn(settings: Body): Partial<JobSettings> {
  const unknown = Object.keys(settings).find((name) => !SETTINGS.includes(name))
  if (unknown === undefined) return settings
  throw new RefusedError(
    'BAD_REQUEST',
    `Setting ${JSON.stringify(unknown)} is unknown. The settings are: ${SETTINGS.join(', ')}`,
  )
}

function textIn(body: Body, name: string): string | undefined {
  const text = body[name]
  if (text === undefined || text === null) return undefined
  if (typeof text === 'string' && text.length <= TEXT_CHARACTERS_MAX) return text
  throw badField(name, `text of at most ${TEXT_CHARACTERS_MAX} characters`, text)
}

function namesIn(body: Body, name: string): readonly string[] {
  const names = body[name] ?? []
  if (Array.isArray(names) && names.every((each) => typeof each === 'string' && isValidName(each))) return names
  throw badField(name, 'a list of names', names)
}

function badField(name: string, meaning: string, value: unknown): RefusedError {
  const found = value === undefined ? 'is missing' : `is ${JSON.stringify(value).slice(0, 100)}`
  return new RefusedError('BAD_REQUEST', `Field ${name} ${found}. Give ${meaning}`)
}

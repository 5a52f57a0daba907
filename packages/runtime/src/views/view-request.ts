import { ByteWriter, formatPosition, type Position, parsePosition, RefusedError, RetriableError } from '@millrace/core'
import { amount, hasTextKeys, keyFromText, minimumPosition, reflects, unknownPartition } from '@millrace/core/internal'
import type { PartsFields } from '../http/answer.ts'
import { badRequest, integer, type Query } from '../http/query-parameters.ts'
import { serverClosing } from '../http/server-closing.ts'
import { WAIT_DEFAULT_MS, WAIT_MAX_MS } from './limits.ts'
import { localSource, type PartSource } from './part-source.ts'
import type { PeerOptions } from './peer-request.ts'
import { PositionNotReached } from './position-not-reached.ts'
import type { QueryBudget } from './query-budget.ts'
import { RemoteParts } from './remote-parts.ts'
import type { RouteSources } from './route-sources.ts'
import type { RemoteOwner, ServedView } from './served-view.ts'
import { waitForPosition } from './wait-for-position.ts'

/** The parameters of every request that may wait for a position. */
export const WAIT_PARAMETERS = ['after', 'timeout']

/** The parameter of requests that may be answered from a part of a view. */
export const PARTS_PARAMETER = 'parts'

/** The view of that name; throws `VIEW_MISSING`, or `VIEW_INCOMPLETE` while the job is starting. */
export function viewNamed({ views, status }: Pick<RouteSources, 'views' | 'status'>, name: string): ServedView {
  const view = views.find((candidate) => candidate.name === name)
  if (view !== undefined) return view
  // A client that comes back to a job that starts again must not give up.
  if (views.length === 0 && status().phase === 'restoring') throw starting(name)
  const names = views.map((candidate) => candidate.name).sort()
  throw new RefusedError(
    'VIEW_MISSING',
    `The job has no view ${JSON.stringify(name)}. Its views: ${names.join(', ') || 'none'}`,
  )
}

function starting(name: string): RetriableError {
  return new RetriableError(
    'VIEW_INCOMPLETE',
    `The job is starting, and does not serve view ${name} yet. Retry in a moment`,
  )
}

/** A key parameter, decoded by the view's serde; throws `BAD_REQUEST`. */
export function keyParameter(view: ServedView, name: string, text: string): unknown {
  try {
    const key = keyFromText(view.key, text)
    // What decodes from JSON may still be out of the serde's range.
    view.key.encode(key, new ByteWriter(text.length))
    return key
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw badRequest(
      name,
      `is not a key of view ${view.name} (${view.key.name}): ${JSON.stringify(text)}, ${reason}`,
      cause,
    )
  }
}

/** The beginning of the keys that a request wants; undefined if it is absent. Throws `BAD_REQUEST` if keys are not strings. */
export function prefixParameter(view: ServedView, query: Query): string | undefined {
  const prefix = query.get('prefix')
  if (prefix === undefined || hasTextKeys(view.key)) return prefix
  throw badRequest(
    'prefix',
    `cannot be used: view ${view.name} has ${view.key.name} keys, and a prefix is for string keys`,
  )
}

/** Whether a request wants only what is in this process. Throws `BAD_REQUEST`. */
function isForHereOnly(query: Query): boolean {
  const queried = query.get(PARTS_PARAMETER)
  if (queried === undefined || queried === 'here') return queried === 'here'
  throw badRequest(PARTS_PARAMETER, `must be "here" (only the parts of this process), not ${JSON.stringify(queried)}`)
}

/** The parts of this process, by number, that another process requests, those of standbys too; undefined for other requests. */
function listedParts(query: Query): readonly number[] | undefined {
  const listed = query.get(PARTS_PARAMETER) ?? ''
  return /^\d{1,9}(,\d{1,9})*$/.test(listed) ? listed.split(',').map(Number) : undefined
}

/**
 * Throws `VIEW_INCOMPLETE` if a part of the view is not in this container: the answer would lack what that part holds. A
 * request with `parts=here` wants only what is here: returns the fields for its answer about that.
 */
export function requireParts(view: ServedView, query: Query): { readonly parts?: readonly number[] } {
  if (isForHereOnly(query)) return { parts: partsHere(view) }
  if (isComplete(view)) return {}
  throw partsMissing(view, partsHere(view), 'Follow each process of the job with parts=here, as "millrace watch" does')
}

/** Which parts a request may be answered from. */
interface PartsAllowed {
  /** Whether standbys may answer. */
  readonly mayBeStale: boolean
  /** The processes that are not queried: they have not answered. */
  readonly failed: ReadonlySet<string>
}

const NO_STANDBYS: PartsAllowed = { mayBeStale: false, failed: new Set() }

/** What a request is answered from, as of one moment. */
export interface QueriedParts {
  /** The parts that this process serves. */
  readonly here: readonly PartSource[]
  /** The parts that other processes serve, as far as the request wants them. */
  readonly remote: readonly RemoteParts[]
  /** The fields of the answer about its parts. */
  readonly answerFields: PartsFields
  /** The error if the request wants some parts, and no process is known to have them. */
  readonly missing: RetriableError | undefined
}

/** The parts that a request wants: with `parts=here` those of this process; else all, including those of other processes. */
export function queriedParts(
  view: ServedView,
  sources: RouteSources,
  query: Query,
  clientGone: AbortSignal,
  { mayBeStale, failed }: PartsAllowed = NO_STANDBYS,
): QueriedParts {
  const listed = mayBeStale ? listedParts(query) : undefined
  if (listed !== undefined) return listedHere(view, listed)
  const here = view.parts.map((part) => localSource(view, part))
  if (isForHereOnly(query)) return { here, remote: [], answerFields: { parts: partsHere(view) }, missing: undefined }
  if (isComplete(view)) return { here, remote: [], answerFields: {}, missing: undefined }
  const signal = AbortSignal.any([sources.closing, clientGone])
  const peer = { token: sources.token, signal, timers: sources.env.timers }
  const others = (all: readonly RemoteOwner[]) => all.filter(({ address }) => !failed.has(address))
  const remote = others(view.remoteOwners).map((owner) => new RemoteParts(view, owner, peer))
  const served = new Set([...here, ...remote].flatMap(({ partitions }) => partitions))
  const gaps = mayBeStale ? [...Array(view.partitions).keys()].filter((part) => !served.has(part)) : []
  const copies = standbyParts(view, gaps, others(view.remoteStandbys ?? []), peer)
  const parts = { here: [...here, ...copies.here], remote: [...remote, ...copies.remote] }
  return { ...parts, answerFields: staleFields(gaps), missing: missingIn(view, [...parts.here, ...parts.remote]) }
}

/** These parts as of standbys: those of this process, and of others where this process has none. */
function standbyParts(
  view: ServedView,
  parts: readonly number[],
  others: readonly RemoteOwner[],
  peer: PeerOptions,
): Pick<QueriedParts, 'here' | 'remote'> {
  const copies = (view.standbys ?? []).filter(({ partition }) => parts.includes(partition))
  const left = new Set(parts)
  for (const { partition } of copies) left.delete(partition)
  const remote = others.flatMap(({ address, partitions }) => {
    const taken = partitions.filter((part) => left.delete(part))
    return taken.length === 0 ? [] : new RemoteParts(view, { address, partitions: taken }, peer, 'standbys')
  })
  return { here: copies.map((part) => localSource(view, part)), remote }
}

/** These parts of this process: its own, or those of its standbys. */
function listedHere(view: ServedView, listed: readonly number[]): QueriedParts {
  const parts = listed.toSorted((a, b) => a - b)
  const copies = (view.standbys ?? []).filter(({ partition }) => !partsHere(view).includes(partition))
  const found = [...view.parts, ...copies].filter(({ partition }) => parts.includes(partition))
  const stale = copies.map(({ partition }) => partition).filter((part) => parts.includes(part))
  return {
    here: found.map((part) => localSource(view, part)),
    remote: [],
    answerFields: { parts, ...staleFields(stale) },
    missing: found.length === parts.length ? undefined : partsMissing(view, partsHere(view), 'Retry in a moment'),
  }
}

function staleFields(stale: readonly number[]): PartsFields {
  return stale.length === 0 ? {} : { stale: stale.toSorted((a, b) => a - b) }
}

/** The error if these are not all parts. */
function missingIn(view: ServedView, sources: readonly PartSource[]): RetriableError | undefined {
  const found = sources.flatMap(({ partitions }) => partitions).sort((a, b) => a - b)
  // A part that appears twice is on its way from one process to another.
  const isWhole = found.length === view.partitions && found.every((part, index) => part === index)
  return isWhole ? undefined : partsMissing(view, found, 'Retry in a moment')
}

/** Throws `VIEW_INCOMPLETE` if no process has some of the parts. */
export function requireFound(queried: QueriedParts): QueriedParts {
  if (queried.missing !== undefined) throw queried.missing
  return queried
}

/**
 * What a query may hold. Queries with `parts=here` have a separate budget. They do not wait for other processes, so two
 * processes which query each other never wait for room that the other's query holds.
 */
export function budgetOf(sources: RouteSources, query: Query): QueryBudget {
  return listedParts(query) !== undefined || isForHereOnly(query) ? sources.hereBudget : sources.budget
}

function partsMissing(view: ServedView, served: readonly number[], remedy: string): RetriableError {
  return new RetriableError(
    'VIEW_INCOMPLETE',
    `View ${view.name} has ${amount(view.partitions, 'part')}. Served now: ${served.join(', ') || 'none'}. The others are in other ` +
      `processes, or are being restored or moved. ${remedy}`,
    { store: view.name },
  )
}

/** The numbers of the parts that this container serves. */
export function partsHere(view: ServedView): number[] {
  return view.parts.map((part) => part.partition).sort((a, b) => a - b)
}

/**
 * Applies `after` and `timeout`: returns the wanted position once every part of the view reflects it, here and in other
 * processes. Throws `PositionNotReached` when that takes too long, `SERVER_CLOSING` when the server closes,
 * `VIEW_INCOMPLETE` for parts that no process has, and `BAD_POSITION` for a position that no view of the job ever reaches.
 */
export async function waitAsRequested(
  view: ServedView,
  sources: RouteSources,
  query: Query,
  clientGone: AbortSignal,
): Promise<Position | undefined> {
  const timeoutMs = integer(query, 'timeout', `a time from 0 to ${WAIT_MAX_MS} ms`, 0, WAIT_MAX_MS) ?? WAIT_DEFAULT_MS
  const after = query.get('after')
  if (after === undefined) return undefined
  const wanted = parsePosition(after)
  requireReachable(wanted, sources.views)
  const signal = AbortSignal.any([sources.closing, clientGone])
  const { remote } = requireFound(queriedParts(view, sources, query, clientGone))
  const [waited] = await sources.waits.hold(() =>
    Promise.all([
      waitForPosition(view.parts, wanted, timeoutMs, sources.env.timers, signal),
      ...remote.map((parts) => parts.wait(wanted, timeoutMs)),
    ]),
  )
  if (waited === 'timeout') throw new PositionNotReached(view, wanted, positionHere(view))
  if (waited === 'aborted') throw serverClosing()
  return wanted
}

/**
 * Throws `VIEW_INCOMPLETE` for an answer that does not reflect the position that the request waited for: a part has come
 * from elsewhere since.
 */
export function requireReflected(view: ServedView, wanted: Position | undefined, position: Position): void {
  if (wanted === undefined || reflects(position, wanted)) return
  throw new RetriableError(
    'VIEW_INCOMPLETE',
    `A part of view ${view.name} moved or was restored during the query, and does not reflect ${formatPosition(wanted)} yet. Retry in a moment`,
    { store: view.name },
  )
}

function positionHere(view: ServedView): Position {
  return minimumPosition(view.parts.map((part) => part.position))
}

function requireReachable(wanted: Position, views: readonly ServedView[]): void {
  const unknown = unknownPartition(
    wanted,
    views.map((view) => view.sources),
  )
  if (unknown === undefined) return
  throw new RefusedError(
    'BAD_POSITION',
    `Parameter after names ${unknown}, on which no view of this job depends. Use a position as an earlier answer gave it`,
  )
}

function isComplete(view: ServedView): boolean {
  return view.parts.length >= view.partitions
}

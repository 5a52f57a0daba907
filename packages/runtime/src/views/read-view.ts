import { ByteWriter, type Position } from '@millrace/core'
import { minimumPosition, partitionOf, type StoreRange } from '@millrace/core/internal'
import type { JsonEntry } from './entry-json.ts'
import {
  ENCODED_CHARS_PER_TURN,
  PAGE_BYTES_MAX,
  PAGE_CHARS_MAX,
  PAGE_LOOK_BYTES_MAX,
  PAGE_LOOKS_MAX,
} from './limits.ts'
import { type MergedPages, mergePages } from './merge-pages.ts'
import { localSource, type PartPage, type PartSource, type Reflecting } from './part-source.ts'
import type { ServedView } from './served-view.ts'

/**
 * The entry of a key (and window) as JSON; undefined if there is none. Queries the part in which the default partitioner puts the key, and
 * then the others: a producer may have used another partitioner.
 */
export async function findEntry(
  view: ServedView,
  key: unknown,
  windowStart: number | undefined,
  sources: readonly PartSource[] = localSources(view),
): Promise<Reflecting<JsonEntry | undefined>> {
  const passed: Position[] = []
  for (const source of mostLikelyFirst(view, key, sources)) {
    const found = await source.entry(key, windowStart)
    if (found.value !== undefined) return found
    passed.push(found.position)
  }
  return { value: undefined, position: minimumPosition(passed) }
}

/** A page of a view as JSON texts, in stored order, or in reverse. */
export interface ViewPage {
  readonly entries: readonly string[]
  /** The place up to which it is complete, if more may follow. */
  readonly next: Buffer | null
}

/** What a page may cost, and what it reports while it is made. */
export interface PageEffort {
  /** Called between reads: true ends the page. */
  readonly enough: () => boolean
  /** Called with what the page holds, in bytes, as it grows. Throws to end the page. */
  readonly holds: (bytes: number) => void
  /** Gives everything else that is ready its turn. */
  readonly turn: () => Promise<void>
  /** Whether each entry has its place in stored order, for another process to merge the page with its own. Default false. */
  readonly placed?: boolean
}

/** A page of entries from all the parts. It ends at its limit of entries, or earlier at one of its other limits. */
export async function findPage(
  view: ServedView,
  range: StoreRange<unknown>,
  effort: PageEffort,
  sources: readonly PartSource[] = localSources(view),
): Promise<Reflecting<ViewPage>> {
  const parts = sources.reduce((count, { partitions }) => count + partitions.length, 0)
  const partRange = { ...range, ...sharesOf(range, parts), enough: effort.enough }
  const held = sources.map(() => 0)
  const read = (source: PartSource, at: number) =>
    source.page(partRange, (bytes) => {
      held[at] = bytes
      effort.holds(held.reduce((sum, each) => sum + each, 0))
    })
  // Queries all other processes at once, and the parts of this process one after the other: what they hold together is
  // checked in between.
  const requests = sources.map((source, at) => (source.remote ? read(source, at) : undefined))
  for (const each of requests) each?.catch(() => undefined)
  const found: Reflecting<PartPage>[] = []
  for (const [at, source] of sources.entries()) found.push(await (requests[at] ?? read(source, at)))
  const pages = found.map(({ value }) => value)
  return {
    value: await encodePage(mergePages(pages, range.reverse === true), range.limit, effort),
    position: minimumPosition(found.map(({ position }) => position)),
  }
}

/**
 * Keys are spread evenly, so a page needs little more than its share from each part; a part whose read entries are used up
 * ends the page.
 */
function sharesOf({ limit, bytesMax = PAGE_BYTES_MAX }: StoreRange<unknown>, parts: number) {
  const share = (total: number, min: number) => Math.min(total, 2 * Math.ceil(total / parts) + min)
  return {
    limit: share(limit, 8),
    bytesMax: share(bytesMax, 0),
    looksMax: share(PAGE_LOOKS_MAX, 0),
    lookBytesMax: share(PAGE_LOOK_BYTES_MAX, 0),
  }
}

/**
 * Entries of equal order (one key in several parts, when it was produced with different partitioners) are never split over
 * two pages, because the cursor names an order only.
 */
async function encodePage(
  { entries, next }: MergedPages,
  limit: number,
  { turn, placed }: PageEffort,
): Promise<ViewPage> {
  const texts: string[] = []
  let [chars, charsAtTurn] = [0, 0]
  let last: Buffer | undefined
  for (const { entry, order } of entries) {
    const isFull = texts.length >= limit || chars >= PAGE_CHARS_MAX
    if (isFull && last !== undefined && !order.equals(last)) return { entries: texts, next: last }
    const place = placed === true ? { order: order.toString('base64url') } : {}
    const json = JSON.stringify({ ...entry(), ...place })
    texts.push(json)
    chars += json.length
    last = order
    if (chars - charsAtTurn < ENCODED_CHARS_PER_TURN) continue
    charsAtTurn = chars
    await turn()
  }
  return { entries: texts, next }
}

function localSources(view: ServedView): PartSource[] {
  return view.parts.map((part) => localSource(view, part))
}

function mostLikelyFirst(view: ServedView, key: unknown, sources: readonly PartSource[]): readonly PartSource[] {
  if (sources.length === 1) return sources
  const out = new ByteWriter()
  view.key.encode(key, out)
  const home = partitionOf(out.buffer, 0, out.position, view.partitions)
  const isHome = ({ partitions }: PartSource) => Number(partitions.includes(home))
  return sources.toSorted((a, b) => isHome(b) - isHome(a))
}

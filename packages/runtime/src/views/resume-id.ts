import type { StatePosition } from '@millrace/core/internal'
import type { ViewPart } from './served-view.ts'

/** The first field of an id: a later form has another number. */
const FORM = '1'

/** One part of an id, in digits of base 36: its number, where its last commit ends in the changelog, and the checksum there. */
const POINT = /^([0-9a-z]{1,6})-([0-9a-z]{1,11})(?:-([0-9a-z]{1,7}))?$/

/** Up to where a follower has every change of some parts of a view. */
export interface ResumePoint {
  /** Identifies what the points are in: see `PartHistory.identity`. */
  readonly identity: string
  readonly points: ReadonlyMap<number, StatePosition>
}

/**
 * Where the parts of a view are now, as the `id` of an event. A follower that shows it again gets what comes after it. It is
 * `1.<identity>.<part>-<offset>-<checksum>…`, some 15 characters for a part, so that it fits into a header. Empty if a part has
 * no history.
 */
export function formatResumeId(parts: readonly ViewPart[]): string {
  const [first] = parts
  const fields = [FORM, first?.history?.identity ?? '']
  for (const { partition, history } of parts) {
    if (history === undefined) return ''
    const { nextOffset, checksum } = history.point
    const end = checksum === null ? '' : `-${checksum.toString(36)}`
    fields.push(`${partition.toString(36)}-${nextOffset.toString(36)}${end}`)
  }
  return fields.join('.')
}

/** The inverse of `formatResumeId`; undefined for other text. */
export function parseResumeId(text: string): ResumePoint | undefined {
  const [form, identity = '', ...fields] = text.split('.')
  if (form !== FORM) return undefined
  const points = new Map<number, StatePosition>()
  for (const field of fields) {
    const [, part = '', offset = '', checksum] = POINT.exec(field) ?? []
    const nextOffset = Number.parseInt(offset, 36)
    if (!Number.isSafeInteger(nextOffset)) return undefined
    const end = checksum === undefined ? null : Number.parseInt(checksum, 36)
    points.set(Number.parseInt(part, 36), { nextOffset, checksum: end })
  }
  return { identity, points }
}

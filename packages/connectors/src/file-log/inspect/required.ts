import { bootMark, type Tail } from '../partition/tail.ts'

/** What the last segment of a partition must hold, according to its tail. */
export interface Required {
  /** If there are fewer, that is damage. Recovery deals with the bytes after them, and may cut them off. */
  readonly bytes: number
  /** The offset after these bytes. */
  readonly nextOffset: number
}

/** Whether a tail was written in the present boot of the machine: if so, everything that it refers to was written. */
export function isOfBoot(tail: Tail, boot: string): boolean {
  return tail.boot === bootMark(boot)
}

/** What the active segment must hold, as recovery sees it: in another boot, only what was synced. */
export function requiredOf(tail: Tail | undefined, boot: string, base: number): Required {
  const nothing = { bytes: 0, nextOffset: base }
  if (tail === undefined) return nothing
  const { activeBase, activeBytes, nextOffset, synced } = tail
  if (isOfBoot(tail, boot)) return activeBase === base ? { bytes: activeBytes, nextOffset } : nothing
  return synced.base === base ? synced : nothing
}

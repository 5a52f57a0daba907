import { FileLock } from './file-lock.ts'
import { Sectors } from './sectors.ts'
import type { SeededRandom } from './seeded-random.ts'
import { Watchers } from './watchers.ts'

/** Older states of a sector from which a power cut chooses; more of them would not find more bugs. */
const VERSIONS_MAX = 6

/** A sector after a change that no sync has made durable. */
interface SectorVersion {
  readonly change: number
  readonly sector: number
  readonly bytes: Uint8Array
}

interface LengthChange {
  readonly change: number
  readonly length: number
}

/**
 * A file's content twice: as every process sees it (the page cache), and as it is on the disk. The difference is the list of
 * changes that were not synced, sector by sector, and separately those of the length. After a power cut, each sector has any of
 * the states that it had since the last sync, and so has the length.
 */
export class FileNode {
  readonly kind = 'file'
  readonly lock = new FileLock()
  readonly watchers = new Watchers()
  modifiedMs: number
  #content = new Sectors()
  #length = 0
  readonly #durable = new Sectors()
  #durableLength = 0
  /** How often a sync of the file has failed: each file that was open then gets the error once, at its next sync. */
  syncFailures = 0
  /** By sector, the states that it had since the last sync. */
  readonly #versions = new Map<number, SectorVersion[]>()
  #lengths: LengthChange[] = []
  /** Changes up to which syncs are running: the states at these changes must be kept. */
  readonly #syncing: number[] = []

  constructor(nowMs: number) {
    this.modifiedMs = nowMs
  }

  get length(): number {
    return this.#length
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): number {
    const end = Math.min(position + length, this.#length)
    if (end <= position) return 0
    this.#content.read(buffer.subarray(offset, offset + end - position), position)
    return end - position
  }

  write(bytes: Uint8Array, position: number, change: number): void {
    if (bytes.length === 0) return
    this.#content.write(bytes, position, (sector, replaced) => this.#note(sector, replaced, change))
    const end = position + bytes.length
    if (end > this.#length) this.#setLength(end, change)
  }

  truncate(length: number, change: number): void {
    if (length === this.#length) return
    if (length < this.#length) {
      const cut = this.#content.cut(length)
      if (cut !== undefined) this.#note(cut.sector, cut.bytes, change)
    }
    this.#setLength(length, change)
  }

  /** Begins a sync that must make all changes up to this one durable. */
  beginSync(change: number): void {
    this.#syncing.push(change)
  }

  /** The sync succeeded. */
  endSync(change: number): void {
    this.#endSyncing(change)
    this.#apply(this.#takeUntil(change))
  }

  /** The sync failed. `forget`: the kernel treats the changes as written, although it will never write them. */
  failSync(change: number, forget: boolean): void {
    this.syncFailures++
    this.#endSyncing(change)
    if (forget) this.#takeUntil(change)
  }

  /** Keeps a part of what was not synced: all, nothing, or anything between, by `survival` from 0 to 1. */
  powerCut(random: SeededRandom, survival: number): void {
    const kept: (SectorVersion | LengthChange)[] = []
    for (const versions of this.#versions.values()) {
      // The state before the first version is the synced sector.
      const chosen = versions[survivor(random, survival, versions.length) - 1]
      if (chosen !== undefined) kept.push(chosen)
    }
    kept.push(...this.#lengths.slice(0, survivor(random, survival, this.#lengths.length)))
    this.#apply(kept)
    this.#versions.clear()
    this.#lengths = []
    this.#syncing.length = 0
    this.#durable.cut(this.#durableLength)
    this.#content = new Sectors(this.#durable)
    this.#length = this.#durableLength
  }

  #setLength(length: number, change: number): void {
    this.#length = length
    this.#lengths.push({ change, length })
  }

  #note(sector: number, bytes: Uint8Array, change: number): void {
    const version = { change, sector, bytes }
    const versions = this.#versions.get(sector)
    if (versions === undefined) {
      this.#versions.set(sector, [version])
      return
    }
    versions.push(version)
    if (versions.length > VERSIONS_MAX) this.#forgetOne(versions)
  }

  /** Drops a version in the middle of the list that no running sync has to write. */
  #forgetOne(versions: SectorVersion[]): void {
    const index = versions.findIndex(({ change }, index) => {
      const next = versions[index + 1]
      return index > 0 && next !== undefined && !this.#syncing.some((upTo) => upTo >= change && upTo < next.change)
    })
    if (index >= 0) versions.splice(index, 1)
  }

  /** Removes and returns the changes up to this one; of each sector, only the last. */
  #takeUntil(change: number): (SectorVersion | LengthChange)[] {
    const taken: (SectorVersion | LengthChange)[] = []
    for (const [sector, versions] of this.#versions) {
      const count = versions.findLastIndex((version) => version.change <= change) + 1
      const last = versions[count - 1]
      if (last === undefined) continue
      taken.push(last)
      if (count === versions.length) this.#versions.delete(sector)
      else versions.splice(0, count)
    }
    const count = this.#lengths.findLastIndex((length) => length.change <= change) + 1
    return taken.concat(this.#lengths.splice(0, count))
  }

  /** Writes changes to the disk, in the order in which they were made. */
  #apply(changes: (SectorVersion | LengthChange)[]): void {
    for (const one of changes.sort((a, b) => a.change - b.change)) {
      if ('length' in one) {
        if (one.length < this.#durableLength) this.#durable.cut(one.length)
        this.#durableLength = one.length
      } else {
        this.#durable.set(one.sector, one.bytes)
      }
    }
  }

  #endSyncing(change: number): void {
    const index = this.#syncing.indexOf(change)
    if (index >= 0) this.#syncing.splice(index, 1)
  }
}

/** How many of `count` changes, from the first, survive. */
function survivor(random: SeededRandom, survival: number, count: number): number {
  if (survival >= 1 || random.chance(survival)) return count
  return survival <= 0 ? 0 : random.below(count + 1)
}

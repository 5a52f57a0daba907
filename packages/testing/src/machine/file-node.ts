import { FileLock } from './file-lock.ts'
import type { SeededRandom } from './seeded-random.ts'
import { Watchers } from './watchers.ts'

/** What a disk writes as one. */
const SECTOR_BYTES = 512
/** Older states of a sector among which a power cut chooses; more of them would find nothing more. */
const VERSIONS_MAX = 6

/** A sector as it stood after a change that no sync has made durable. */
interface SectorVersion {
  readonly change: number
  readonly at: number
  readonly bytes: Uint8Array
}

interface LengthChange {
  readonly change: number
  readonly length: number
}

/**
 * A file's content twice: as every process sees it (the page cache), and as it is on the disk. Between them stand the
 * changes that were not synced, sector by sector; the length is one of its own. A power cut leaves of each sector any of the
 * states it had since the last sync, and of the length too.
 */
export class FileNode {
  readonly kind = 'file'
  readonly lock = new FileLock()
  readonly watchers = new Watchers()
  modifiedMs: number
  #content: Buffer = Buffer.alloc(SECTOR_BYTES)
  #length = 0
  #durable: Buffer = Buffer.alloc(0)
  #durableLength = 0
  readonly #sectors = new Map<number, SectorVersion[]>()
  #lengths: LengthChange[] = []
  /** Changes up to which syncs are under way: what stood at these must not be forgotten. */
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
    buffer.set(this.#content.subarray(position, end), offset)
    return end - position
  }

  write(bytes: Uint8Array, position: number, change: number): void {
    if (bytes.length === 0) return
    const end = position + bytes.length
    this.#content = grown(this.#content, end)
    this.#content.set(bytes, position)
    if (end > this.#length) this.#setLength(end, change)
    const last = Math.floor((end - 1) / SECTOR_BYTES)
    for (let sector = Math.floor(position / SECTOR_BYTES); sector <= last; sector++) this.#note(sector, change)
  }

  truncate(length: number, change: number): void {
    if (length === this.#length) return
    this.#content = grown(this.#content, length)
    this.#content.fill(0, length)
    this.#setLength(length, change)
    if (length % SECTOR_BYTES > 0) this.#note(Math.floor(length / SECTOR_BYTES), change)
  }

  /** A sync begins that has to make durable all changes up to this one. */
  beginSync(change: number): void {
    this.#syncing.push(change)
  }

  /** The sync succeeded. */
  endSync(change: number): void {
    this.#endSyncing(change)
    this.#apply(this.#takeUntil(change))
  }

  /** The sync failed. `forget`: the kernel takes the changes for written, though they never will be. */
  failSync(change: number, forget: boolean): void {
    this.#endSyncing(change)
    if (forget) this.#takeUntil(change)
  }

  /** Of what was not synced, something stays: all, nothing, or anything between, by `survival` from 0 to 1. */
  powerCut(random: SeededRandom, survival: number): void {
    const kept: (SectorVersion | LengthChange)[] = []
    for (const versions of this.#sectors.values()) {
      // Before the first stands the sector as it was synced.
      const chosen = versions[survivor(random, survival, versions.length) - 1]
      if (chosen !== undefined) kept.push(chosen)
    }
    kept.push(...this.#lengths.slice(0, survivor(random, survival, this.#lengths.length)))
    this.#apply(kept)
    this.#sectors.clear()
    this.#lengths = []
    this.#syncing.length = 0
    this.#durable.fill(0, this.#durableLength)
    this.#content = Buffer.from(grown(this.#durable, this.#durableLength))
    this.#length = this.#durableLength
  }

  #setLength(length: number, change: number): void {
    this.#length = length
    this.#lengths.push({ change, length })
  }

  #note(sector: number, change: number): void {
    const at = sector * SECTOR_BYTES
    const version = { change, at, bytes: Uint8Array.prototype.slice.call(this.#content, at, at + SECTOR_BYTES) }
    const versions = this.#sectors.get(sector)
    if (versions === undefined) {
      this.#sectors.set(sector, [version])
      return
    }
    versions.push(version)
    if (versions.length > VERSIONS_MAX) this.#forgetOne(versions)
  }

  /** Forgets a version in the midst that is not what a sync under way has to write. */
  #forgetOne(versions: SectorVersion[]): void {
    const index = versions.findIndex(({ change }, index) => {
      const next = versions[index + 1]
      return index > 0 && next !== undefined && !this.#syncing.some((upTo) => upTo >= change && upTo < next.change)
    })
    if (index >= 0) versions.splice(index, 1)
  }

  /** Takes out the changes up to this one; of each sector the last. */
  #takeUntil(change: number): (SectorVersion | LengthChange)[] {
    const taken: (SectorVersion | LengthChange)[] = []
    for (const [sector, versions] of this.#sectors) {
      const count = versions.findLastIndex((version) => version.change <= change) + 1
      const last = versions[count - 1]
      if (last === undefined) continue
      taken.push(last)
      if (count === versions.length) this.#sectors.delete(sector)
      else versions.splice(0, count)
    }
    const count = this.#lengths.findLastIndex((length) => length.change <= change) + 1
    return taken.concat(this.#lengths.splice(0, count))
  }

  /** Puts changes on the disk, in the order in which they were made. */
  #apply(changes: (SectorVersion | LengthChange)[]): void {
    for (const one of changes.sort((a, b) => a.change - b.change)) {
      if ('length' in one) {
        if (one.length < this.#durableLength) this.#durable.fill(0, one.length)
        this.#durableLength = one.length
      } else {
        this.#durable = grown(this.#durable, one.at + SECTOR_BYTES)
        this.#durable.set(one.bytes, one.at)
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

/** The buffer, or a larger one with the same content, of whole sectors; what is new is zero. */
function grown(buffer: Buffer, bytes: number): Buffer {
  if (bytes <= buffer.length) return buffer
  const larger = Buffer.alloc(Math.ceil(Math.max(bytes, buffer.length * 2) / SECTOR_BYTES) * SECTOR_BYTES)
  larger.set(buffer)
  return larger
}

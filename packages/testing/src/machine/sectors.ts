/** The size of what a disk writes at once. */
const SECTOR_BYTES = 512

/**
 * Bytes in sectors. Sectors that were never written take no room and read as zeros. A sector is never changed, only replaced: a
 * reference to a sector keeps its state.
 */
export class Sectors {
  readonly #sectors: Map<number, Uint8Array>

  constructor(copied?: Sectors) {
    this.#sectors = new Map(copied === undefined ? [] : copied.#sectors)
  }

  /** A sector; undefined if it is all zeros. */
  get(sector: number): Uint8Array | undefined {
    return this.#sectors.get(sector)
  }

  set(sector: number, bytes: Uint8Array): void {
    this.#sectors.set(sector, bytes)
  }

  read(buffer: Uint8Array, position: number): void {
    for (let at = 0; at < buffer.length; ) {
      const within = (position + at) % SECTOR_BYTES
      const bytes = Math.min(SECTOR_BYTES - within, buffer.length - at)
      const sector = this.#sectors.get(Math.floor((position + at) / SECTOR_BYTES))
      if (sector === undefined) buffer.fill(0, at, at + bytes)
      else buffer.set(sector.subarray(within, within + bytes), at)
      at += bytes
    }
  }

  /** Writes, and calls back with every sector that it replaced. */
  write(buffer: Uint8Array, position: number, replaced: (sector: number, bytes: Uint8Array) => void): void {
    for (let at = 0; at < buffer.length; ) {
      const number = Math.floor((position + at) / SECTOR_BYTES)
      const within = (position + at) % SECTOR_BYTES
      const bytes = Math.min(SECTOR_BYTES - within, buffer.length - at)
      const sector = this.#copy(number)
      sector.set(buffer.subarray(at, at + bytes), within)
      this.#sectors.set(number, sector)
      replaced(number, sector)
      at += bytes
    }
  }

  /** Makes everything from `length` on zero; returns the sector that the cut goes through, if there is one. */
  cut(length: number): { readonly sector: number; readonly bytes: Uint8Array } | undefined {
    const whole = Math.ceil(length / SECTOR_BYTES)
    for (const sector of this.#sectors.keys()) if (sector >= whole) this.#sectors.delete(sector)
    const last = whole - 1
    if (length % SECTOR_BYTES === 0 || !this.#sectors.has(last)) return undefined
    const bytes = this.#copy(last).fill(0, length % SECTOR_BYTES)
    this.#sectors.set(last, bytes)
    return { sector: last, bytes }
  }

  #copy(number: number): Uint8Array {
    const sector = this.#sectors.get(number)
    return sector === undefined ? new Uint8Array(SECTOR_BYTES) : new Uint8Array(sector)
  }
}

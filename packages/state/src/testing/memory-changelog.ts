import { ByteWriter, type GroupPosition, type RecordGroup, type Serde } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import type { StateRestorer, TaskState } from '@millrace/core/internal'

interface ChangelogRecord {
  readonly key: Buffer
  readonly value: Buffer | null
}

interface ChangelogGroup {
  readonly position: GroupPosition
  readonly batches: readonly (readonly ChangelogRecord[])[]
}

/** A record takes so much more than its key and its value. */
export const OVERHEAD_BYTES = 48

/** A changelog partition in memory: groups of records, each with the position after it. */
export class MemoryChangelog implements RecordGroup {
  readonly groups: ChangelogGroup[] = []
  readonly #batchBytesMax: number
  #batches: ChangelogRecord[][] = [[]]
  #batchBytes = 0
  bytes = 0

  constructor(batchBytesMax = Number.POSITIVE_INFINITY) {
    this.#batchBytesMax = batchBytesMax
  }

  get room(): number {
    return this.#batchBytesMax - this.#batchBytes - OVERHEAD_BYTES
  }

  append<V>(
    _timestamp: number,
    keyBytes: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: V | null,
    serde: Serde<V>,
  ): void {
    const out = new ByteWriter()
    if (value !== null) serde.encode(value, out)
    const key = Buffer.from(keyBytes?.subarray(keyStart, keyEnd) ?? [])
    this.#batches.at(-1)?.push({ key, value: value === null ? null : out.toBytes() })
    this.bytes += key.length + out.position
    this.#batchBytes += key.length + out.position + OVERHEAD_BYTES
  }

  endBatch(): void {
    this.#batches.push([])
    this.#batchBytes = 0
  }

  async commit(): Promise<GroupPosition> {
    return this.commitNow()
  }

  commitNow(): GroupPosition {
    const records = this.#batches.flat()
    if (records.length === 0) throw new Error('An empty group is refused')
    const content = Buffer.concat(records.flatMap(({ key, value }) => [key, value ?? Buffer.of(0)]))
    const before = this.groups.at(-1)?.position.nextOffset ?? 0
    const nextOffset = before + records.length
    const position = { nextOffset, checksum: crc32c(content, 0, content.length, nextOffset) }
    this.groups.push({ position, batches: this.#batches })
    this.discard()
    return position
  }

  discard(): void {
    this.#batches = [[]]
    this.bytes = 0
    this.#batchBytes = 0
  }

  /** Restores a state to the end, as the runtime does, in runs of at most `groupsPerRun` groups. */
  async restore(state: TaskState, groupsPerRun = 2): Promise<void> {
    const restorer = state.restorer()
    let added = 0
    let last: GroupPosition | undefined
    let applying = Promise.resolve()
    for (const { position, batches } of this.groups) {
      if (position.nextOffset <= state.position.nextOffset) continue
      for (const batch of batches) addBatch(restorer, batch)
      last = position
      if (++added % groupsPerRun !== 0) continue
      await applying
      applying = restorer.apply(position)
      last = undefined
    }
    await applying
    if (last !== undefined) await restorer.apply(last)
  }
}

/** Adds one batch of a changelog to a restore. */
export function addBatch(restorer: StateRestorer, batch: readonly ChangelogRecord[]): void {
  restorer.beginBatch()
  for (const { key, value } of batch) {
    const bytes = Buffer.concat([key, value ?? Buffer.alloc(0)])
    restorer.add(bytes, 0, key.length, value === null ? -1 : key.length, value === null ? -1 : bytes.length)
  }
}

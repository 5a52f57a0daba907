import { ByteWriter, type GroupPosition, type RecordGroup, type Serde } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import type { TaskState } from '@millrace/core/internal'

interface ChangelogRecord {
  readonly key: Buffer
  readonly value: Buffer | null
}

interface ChangelogGroup {
  readonly position: GroupPosition
  readonly records: readonly ChangelogRecord[]
}

/** A changelog partition in memory: groups of records, each with the position after it. */
export class MemoryChangelog implements RecordGroup {
  readonly groups: ChangelogGroup[] = []
  #records: ChangelogRecord[] = []
  bytes = 0

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
    this.#records.push({ key, value: value === null ? null : out.toBytes() })
    this.bytes += key.length + out.position
  }

  async commit(): Promise<GroupPosition> {
    return this.commitNow()
  }

  commitNow(): GroupPosition {
    if (this.#records.length === 0) throw new Error('An empty group is refused')
    const content = Buffer.concat(this.#records.flatMap(({ key, value }) => [key, value ?? Buffer.of(0)]))
    const before = this.groups.at(-1)?.position.nextOffset ?? 0
    const nextOffset = before + this.#records.length
    const position = { nextOffset, checksum: crc32c(content, 0, content.length, nextOffset) }
    this.groups.push({ position, records: this.#records })
    this.discard()
    return position
  }

  discard(): void {
    this.#records = []
    this.bytes = 0
  }

  /** Restores a state to the end, as the runtime does, in runs of at most `groupsPerRun` groups. */
  async restore(state: TaskState, groupsPerRun = 2): Promise<void> {
    const restorer = state.restorer()
    let added = 0
    let last: GroupPosition | undefined
    for (const { position, records } of this.groups) {
      if (position.nextOffset <= state.position.nextOffset) continue
      for (const { key, value } of records) {
        const bytes = Buffer.concat([key, value ?? Buffer.alloc(0)])
        restorer.add(bytes, 0, key.length, value === null ? -1 : key.length, value === null ? -1 : bytes.length)
      }
      last = position
      if (++added % groupsPerRun !== 0) continue
      await restorer.apply(position)
      last = undefined
    }
    if (last !== undefined) await restorer.apply(last)
  }
}

import type { Batch, LogReader, PartitionReader } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { ownValue, type StatePosition, type StoreChange, storeKeyName } from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import type { Task } from '../task/task.ts'
import type { HistoryBatch, HistoryReader, PartHistory } from '../views/served-view.ts'

/** The changes of one store of a task, read from the changelog of its job. */
export class ChangelogHistory implements PartHistory {
  point: StatePosition = { nextOffset: 0, checksum: null }
  readonly #task: Task
  readonly #store: string
  readonly #catalog: () => Catalog | undefined

  constructor(task: Task, store: string, catalog: () => Catalog | undefined) {
    this.#task = task
    this.#store = store
    this.#catalog = catalog
  }

  /** A job that is set back has another changelog, and a store that is started empty another name there. */
  get identity(): string {
    const { changelog = '', stores = {} } = this.#catalog() ?? {}
    const keyName = storeKeyName({ ...ownValue(stores, this.#store), name: this.#store })
    const text = Buffer.from(`${changelog} ${keyName}`)
    return crc32c(text, 0, text.length).toString(36)
  }

  async open(offset: number): Promise<HistoryReader> {
    const { log, topology, partition } = this.#task.spec
    const reader = log.openReader()
    try {
      const changes = await reader.assign(topology.changelog, partition, offset)
      return new ChangelogReader(reader, changes, (batch) => this.#changeAt(batch))
    } catch (error) {
      await reader.close()
      throw error
    }
  }

  #changeAt({ bytes, keyStart, keyEnd, valueStart, valueEnd }: Batch): StoreChange | undefined {
    return this.#task.state.readChange(this.#store, bytes, keyStart, keyEnd, valueStart, valueEnd)
  }
}

class ChangelogReader implements HistoryReader {
  readonly #reader: LogReader
  readonly #changes: PartitionReader
  readonly #changeAt: (batch: Batch) => StoreChange | undefined

  constructor(reader: LogReader, changes: PartitionReader, changeAt: (batch: Batch) => StoreChange | undefined) {
    this.#reader = reader
    this.#changes = changes
    this.#changeAt = changeAt
  }

  get position(): number {
    return this.#changes.position
  }

  seek(offset: number): void {
    this.#changes.seek(offset)
  }

  poll(): HistoryBatch | undefined {
    const batch = this.#changes.poll()
    return batch && new ChangelogBatch(batch, this.#changeAt)
  }

  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#reader.wait(timeoutMs, signal)
  }

  close(): Promise<void> {
    return this.#reader.close()
  }
}

class ChangelogBatch implements HistoryBatch {
  readonly #batch: Batch
  readonly #changeAt: (batch: Batch) => StoreChange | undefined

  constructor(batch: Batch, changeAt: (batch: Batch) => StoreChange | undefined) {
    this.#batch = batch
    this.#changeAt = changeAt
  }

  get baseOffset(): number {
    return this.#batch.baseOffset
  }

  get nextOffset(): number {
    return this.#batch.nextOffset
  }

  get bytes(): number {
    const { keyStart, keyEnd, valueStart, valueEnd } = this.#batch
    return Math.max(0, keyEnd - keyStart) + Math.max(0, valueEnd - valueStart)
  }

  recordsChecksum(): number {
    return this.#batch.recordsChecksum()
  }

  next(): boolean {
    return this.#batch.next()
  }

  change(): StoreChange | undefined {
    return this.#changeAt(this.#batch)
  }
}

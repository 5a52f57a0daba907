import type { GroupPosition, GroupWriter } from '@millrace/core'
import { MemoryRecordGroup } from './memory-record-group.ts'

/** A group that is committed on its own. */
export class MemoryGroupWriter extends MemoryRecordGroup implements GroupWriter {
  #closed = false

  async commit(): Promise<GroupPosition> {
    if (this.#closed) throw new Error('The writer is closed')
    return this.put()
  }

  close(): void {
    this.#closed = true
  }
}

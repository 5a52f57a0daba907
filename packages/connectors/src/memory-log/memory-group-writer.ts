import type { GroupPosition, GroupWriter } from '@millrace/core'
import { MemoryRecordGroup } from './memory-record-group.ts'

/** A group that is committed on its own. */
export class MemoryGroupWriter extends MemoryRecordGroup implements GroupWriter {
  async commit(): Promise<GroupPosition> {
    return this.put()
  }
}

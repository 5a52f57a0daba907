import type { TaskState } from '@millrace/core/internal'

/** What a pipeline uses of its task's state: the write-back stores, and the undo of what a unit has changed. */
export type PipelineState = Pick<
  TaskState,
  'keyValueStore' | 'sortedStore' | 'windowStore' | 'intervalStore' | 'instantStore' | 'mark' | 'release' | 'rewind'
>

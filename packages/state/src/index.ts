export { type ChangelogKey, checkpointKey, readChangelogKey, readCheckpoint } from './changelog/changelog-records.ts'
export { copyState, readSavedState, type SavedState } from './copy-state.ts'
export { checkFiles } from './files/check-files.ts'
export { forkStates } from './files/fork-states.ts'
export {
  type Bytes,
  type BytesBatch,
  type BytesIterator,
  type BytesRange,
  type LevelEngine,
  levelDb,
} from './level-engine.ts'
export { openStateCopy, type StateCopyOptions } from './open-state-copy.ts'
export { type OpenedState, openTaskState, type TaskStateOptions } from './open-task-state.ts'

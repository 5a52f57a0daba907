export type {
  Checkpoint,
  CommittedStore,
  Entry,
  FrozenCommit,
  InputCheckpoint,
  KeyValueStore,
  StatePosition,
  StateRestorer,
  StoreChange,
  StoreDescription,
  StoredEntry,
  StorePage,
  StoreRange,
  TaskState,
  WindowBounds,
  WindowStore,
} from './contracts/store.ts'
export { checkName, isValidName } from './names.ts'
export { partitionOf } from './partitioner.ts'

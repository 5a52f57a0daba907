export { ByteWriter } from './bytes/byte-writer.ts'
export type { Batch } from './contracts/batch.ts'
export type {
  Clock,
  Env,
  FileStat,
  FileSystem,
  OpenFile,
  OpenMode,
  Random,
  Timer,
  Timers,
  Watcher,
} from './contracts/env.ts'
export type { InputStatus, JobStatus, TaskCounts, TaskStatus } from './contracts/job-status.ts'
export type {
  Claim,
  Cleanup,
  GroupPosition,
  GroupWriter,
  Log,
  LogAdmin,
  LogCapabilities,
  LogReader,
  LogWriter,
  PartitionOffsets,
  PartitionReader,
  PartitionWriter,
  RecordAppender,
  TopicDescription,
  TopicSettings,
} from './contracts/log.ts'
export type { Serde, SerdeOrder, ValueOf } from './contracts/serde.ts'
export { ERROR_CODES, type ErrorCode, type ErrorConsequence } from './errors/codes.ts'
export {
  type ErrorDetails,
  type ErrorPlace,
  FatalError,
  FencedError,
  MillraceError,
  RecordError,
  RefusedError,
  RetriableError,
  StateDamagedError,
} from './errors/millrace-error.ts'
export { type Header, type Headers, NO_HEADERS } from './headers.ts'
export type { RecordContext } from './plan/node.ts'
export { formatPosition, type Position, parsePosition, reaches } from './position.ts'

export { ByteWriter } from './bytes/byte-writer.ts'
export type { CalendarUnit, Weekday } from './calendar/calendar-units.ts'
export type { Batch } from './contracts/batch.ts'
export type {
  Author,
  Deployment,
  DeploymentAction,
  DeploymentEvent,
  DeploymentRecord,
  DeploymentTrial,
  Desired,
  JobSettings,
  Release,
  StatedError,
} from './contracts/deployment.ts'
export type {
  Clock,
  DiskSpace,
  Env,
  FileStat,
  FileSystem,
  Heartbeat,
  Heartbeats,
  OpenFile,
  OpenMode,
  Random,
  Timer,
  Timers,
  Watcher,
} from './contracts/env.ts'
export type {
  Gap,
  JobChange,
  JobPlan,
  PlannedStart,
  PlannedStore,
  PlannedTopic,
  PlanRefusal,
  Recomputation,
  SerdeChange,
  SettingChange,
  StepChange,
  StepChanges,
  StoreFate,
  TopicChange,
  TopicRole,
} from './contracts/job-plan.ts'
export type {
  ContainerPhase,
  ContainerState,
  ContainerSummary,
  JobPhase,
  JobReport,
  LogLevel,
  LogLine,
  RestoreProgress,
} from './contracts/job-report.ts'
export type {
  InputStatus,
  JobProblem,
  JobStatus,
  StandbyStatus,
  TaskCounts,
  TaskStatus,
} from './contracts/job-status.ts'
export type {
  Claim,
  Cleanup,
  Isolation,
  Log,
  LogAdmin,
  LogCapabilities,
  LogReader,
  PartitionOffsets,
  PartitionReader,
  ReaderOptions,
  RescaledTopic,
  Rescaling,
  TopicCopies,
  TopicDescription,
  TopicSettings,
  TransactionReach,
  WriterOptions,
} from './contracts/log.ts'
export type { Assignment, GroupMember, JoinOptions, Membership } from './contracts/membership.ts'
export type { Savepoint } from './contracts/savepoint.ts'
export type { Serde, SerdeOrder, ValueOf } from './contracts/serde.ts'
export type {
  AfterFlush,
  GroupPosition,
  LogWriter,
  PartitionWriter,
  RecordAppender,
  RecordGroup,
  TransactionalWriter,
} from './contracts/writers.ts'
export { describe } from './describe/describe.ts'
export type {
  InputDescription,
  JobDescription,
  StepDescription,
  StoreSummary,
  SubtopologyDescription,
} from './describe/job-description.ts'
export type {
  Aggregate,
  AggregateOptions,
  EmitEvery,
  EmitOptions,
  MergedTotals,
  TotalsOfTwoSessionsNeedMerge,
} from './dsl/aggregate-options.ts'
export type {
  AsyncContext,
  CallOptions,
  EffectOptions,
  JoinRemoteOptions,
  MapAsyncOptions,
  RateOptions,
  RetryOptions,
} from './dsl/async-options.ts'
export { type Branch, type Branches, otherwise } from './dsl/branches.ts'
export { type Cogroup, type CogroupAdd, type CogroupedTable, type CogroupOptions, cogroup } from './dsl/cogroup.ts'
export type { CountWindowStream } from './dsl/count-window-stream.ts'
export type { Duration } from './dsl/duration.ts'
export { type GlobalTable, globalTable } from './dsl/global-table.ts'
export type { GroupedStream } from './dsl/grouped-stream.ts'
export type { GroupAggregation, GroupedTable, GroupReduction } from './dsl/grouped-table.ts'
export { deadLetter, isJob, type Job, job } from './dsl/job.ts'
export { type JoinedStreams, joinAll, type RecordOfEach } from './dsl/join-all.ts'
export type {
  AsOfOptions,
  JoinAllOptions,
  JoinWithin,
  StreamJoinOptions,
  TableJoinOptions,
} from './dsl/join-options.ts'
export type { Output } from './dsl/output.ts'
export type {
  CallContext,
  Emitted,
  Emitter,
  KeyTimer,
  ProcessContext,
  ProcessOptions,
  ProcessRecordContext,
  ProcessTimerContext,
  SideOutputs,
  TimerTime,
} from './dsl/process-options.ts'
export type { OutputStreams, StateViews } from './dsl/processed-parts.ts'
export type { Ranked } from './dsl/ranked.ts'
export type { HistoryOptions, RowsOptions } from './dsl/rows-options.ts'
export {
  type MatchOptions,
  type Sequence,
  type SequenceBuilder,
  type SequenceStepOptions,
  sequence,
} from './dsl/sequence.ts'
export type { SessionStream } from './dsl/session-stream.ts'
export type { ReadOptions, Start } from './dsl/start.ts'
export {
  type CellOptions,
  type ListCell,
  type ListCellOptions,
  type ListState,
  listState,
  type MapCell,
  type MapState,
  mapState,
  type StateCell,
  type StateCells,
  type StateHandle,
  type ValueCell,
  type ValueState,
  valueState,
} from './dsl/state-cells.ts'
export type { JoinedStream, ProcessedStream, Stream, TimelyStream } from './dsl/stream.ts'
export type { DedupeOptions } from './dsl/stream-dedupe.ts'
export { stream } from './dsl/stream-of.ts'
export type { RecordSerdes, RepartitionOptions, TopicChoice } from './dsl/stream-options.ts'
export type { OrderOptions } from './dsl/stream-order.ts'
export type { Table, TableOptions } from './dsl/table.ts'
export type { JoinedTableOptions } from './dsl/table-join.ts'
export { table } from './dsl/table-of.ts'
export type {
  TaskEmitter,
  TaskProcessContext,
  TaskProcessOptions,
  TaskRecordContext,
  TaskTimerContext,
} from './dsl/task-process-options.ts'
export type { TopOptions } from './dsl/top-n.ts'
export { type SinkTopic, type Topic, type TopicOptions, topic } from './dsl/topic.ts'
export type { VersionedTable } from './dsl/versioned-table.ts'
export type { ViewKey, ViewValue, ViewWindow } from './dsl/view.ts'
export type { Window, Windowed } from './dsl/windowed.ts'
export type { WindowedStream } from './dsl/windowed-stream.ts'
export type { WindowedTable } from './dsl/windowed-table.ts'
export {
  type CalendarOptions,
  type CountWindows,
  calendar,
  countWindow,
  type HoppingOptions,
  hopping,
  type SessionOptions,
  type Sessions,
  type SlidingOptions,
  sessions,
  sliding,
  tumbling,
  type WindowClock,
  type WindowOptions,
  type Windows,
} from './dsl/windows.ts'
export { ERROR_CODES, type ErrorCode, type ErrorConsequence } from './errors/codes.ts'
export {
  type ErrorDetails,
  type ErrorPlace,
  errorWithCode,
  FatalError,
  FencedError,
  MillraceError,
  RecordError,
  RefusedError,
  RetriableError,
  StateDamagedError,
} from './errors/millrace-error.ts'
export { approxDistinct } from './folds/approx-distinct.ts'
export { avg } from './folds/avg.ts'
export { type CollectOfOptions, type CollectOptions, collect } from './folds/collect.ts'
export { count } from './folds/count.ts'
export { type DistinctOptions, distinct } from './folds/distinct.ts'
export { first, last } from './folds/first-last.ts'
export type { Fold, Folds, SubtractableFold } from './folds/fold.ts'
export { type Comparables, max, min } from './folds/min-max.ts'
export { type QuantilesOf, quantiles } from './folds/quantiles.ts'
export { type Numbers, sum } from './folds/sum.ts'
export type { Comparable, Take } from './folds/taken.ts'
export { topK } from './folds/top-k.ts'
export { type Header, type Headers, NO_HEADERS } from './headers.ts'
export type { RecordContext } from './plan/callback.ts'
export type { ErrorPolicies, ErrorPolicy } from './plan/error-policies.ts'
export { formatPosition, type Position, parsePosition, reaches } from './position.ts'
export type { NewRecord } from './records/new-record.ts'
export { type ReadTopicOptions, readTopic, type TopicRecord } from './records/read-topic.ts'
export { openTopicWriter, type TopicWriter } from './records/topic-writer.ts'
export { openTransactions, type Transactions } from './records/transactions.ts'
export { bytes } from './serdes/bytes.ts'
export { json } from './serdes/json.ts'
export { msgpack } from './serdes/msgpack.ts'
export { float64, int32, int64 } from './serdes/numbers.ts'
export { type SerdeOptions, serde } from './serdes/serde.ts'
export type { VersionedSerde } from './serdes/serde-versions.ts'
export { string } from './serdes/string.ts'
export { windowed } from './serdes/windowed.ts'

export { amount } from './amount.ts'
export { assignTasks } from './assignment/assign-tasks.ts'
export { type Place, placeTasks, type StandbyCopy } from './assignment/place-tasks.ts'
export { makeSortable, readTime, TIME_BYTES, unmakeSortable, writeTime } from './bytes/sortable.ts'
export { Calendar } from './calendar/calendar.ts'
export type {
  CommittedStore,
  StoredEntry,
  StorePage,
  StoreRange,
} from './contracts/committed-store.ts'
export type {
  Entry,
  InstantEntry,
  InstantStore,
  IntervalStore,
  KeyValueStore,
  Sorted,
  SortedBounds,
  SortedStore,
  TimedStore,
  TimeScan,
  WindowEntry,
  WindowStore,
} from './contracts/operator-store.ts'
export type {
  BatchMark,
  Checkpoint,
  FrozenCommit,
  InputCheckpoint,
  StatePosition,
  StateRestorer,
  StoreChange,
  StoreDescription,
  TaskState,
} from './contracts/store.ts'
export {
  hasWindows,
  type Instant,
  type SortedShape,
  type StoreShape,
  type WindowBounds,
  windowMsOf,
} from './contracts/store-shape.ts'
export { durationText } from './describe/duration-text.ts'
export { dictionary, ownValue } from './dictionary.ts'
export { durationMs, textMs } from './dsl/duration.ts'
export { isJob, type Job } from './dsl/job.ts'
export { unusedOutputs } from './dsl/made-outputs.ts'
export { type ViewAccess, viewOf } from './dsl/view.ts'
export { EVENT_TIME_MAX } from './event-time-max.ts'
export { FoldRefusal } from './folds/fold-refusal.ts'
export { resultsOfTotals } from './folds/folded.ts'
export { isoTime } from './iso-time.ts'
export { hasTextKeys, keyFromText, keyToText } from './key-text.ts'
export { checkName, isValidName } from './names.ts'
export { murmur2, partitionOf } from './partitioner.ts'
export type { CallPlan } from './plan/call-plan.ts'
export type { Add, Callback, Joiner, JoinFn, Merge } from './plan/callback.ts'
export type { Carried } from './plan/carried.ts'
export type { CellPlan } from './plan/cell-plan.ts'
export { policyOf, policyText } from './plan/error-policies.ts'
export type { FoldPlan } from './plan/fold-plan.ts'
export type { JoinReach } from './plan/join-reach.ts'
export type { LookupPlan } from './plan/lookup-plan.ts'
export type { PlanNode, PlanNodes, StepNode } from './plan/node.ts'
export type { AggregateNode, CogroupNode, CountWindowNode, DedupeNode, LateNode } from './plan/nodes/aggregate-nodes.ts'
export type { AsyncNode } from './plan/nodes/async-nodes.ts'
export type {
  AsOfJoinNode,
  ForeignKeysNode,
  ForeignMatchesNode,
  ForeignRowsNode,
  GlobalLookupNode,
  JoinAllNode,
  StreamJoinNode,
  TableJoinNode,
  TableLookupNode,
  VersionLookupNode,
} from './plan/nodes/join-nodes.ts'
export type { ArrivalNode, InOrderNode } from './plan/nodes/order-nodes.ts'
export type { ProcessNode, SideOutputNode, StateViewNode } from './plan/nodes/process-nodes.ts'
export type {
  BranchNode,
  ErrorPolicyNode,
  FilterNode,
  FlatMapNode,
  FlatMapValuesNode,
  KeyByNode,
  MapNode,
  MapValuesNode,
  MergeNode,
  PeekNode,
  PipeNode,
} from './plan/nodes/stateless-nodes.ts'
export type {
  ChangesNode,
  RankRowsNode,
  RowExpiry,
  RowHistory,
  TableAggregateNode,
  TableCountNode,
  TableEveryNode,
  TableFilterNode,
  TableGroupByNode,
  TableMapValuesNode,
  TopRowsNode,
  ToTableNode,
} from './plan/nodes/table-nodes.ts'
export type { RepartitionNode, SinkNode, SourceNode } from './plan/nodes/topic-nodes.ts'
export { shownSerde } from './plan/shown-serde.ts'
export { type StartPlan, startText } from './plan/start-plan.ts'
export type { StepFlow } from './plan/step-flow.ts'
export type { StorePlan } from './plan/store-plan.ts'
export type { Top } from './plan/top.ts'
export type { DynamicTopic, TopicPlan } from './plan/topic-plan.ts'
export type { CalendarWindows, FixedWindows, SessionWindows, SlidingWindows, WindowSpec } from './plan/window.ts'
export {
  isWindowClosed,
  lastWindowStart,
  nextWindowStart,
} from './plan/window-assignment.ts'
export { maximumPosition, minimumPosition, offsetIn, reflects, unknownPartition } from './position.ts'
export {
  type DeadLetter,
  deadLetterHeaders,
  type FailedInput,
  type FailedResult,
  readDeadLetter,
} from './records/dead-letter.ts'
export { openSameTopic } from './records/open-same-topic.ts'
export { type SharedWriter, topicWriterOver } from './records/topic-writer.ts'
export type { Change } from './serdes/change.ts'
export { describeValue } from './serdes/describe-value.ts'
export type { JoinProgress } from './serdes/join-progress.ts'
export type { KeyPair } from './serdes/key-pair.ts'
export { keyPair } from './serdes/key-pair.ts'
export { isKeyless } from './serdes/no-key.ts'
export type { Pair } from './serdes/pair.ts'
export type { PendingCall } from './serdes/pending-call.ts'
export { ranking } from './serdes/ranking.ts'
export type { ReachOfTop } from './serdes/reach-of-top.ts'
export type { RightUpdate } from './serdes/right-update.ts'
export { sameData } from './serdes/same-data.ts'
export { readsSerde } from './serdes/serde-versions.ts'
export type { Timed } from './serdes/timed.ts'
export type { TimedValue } from './serdes/timed-list.ts'
export type { SetTimer } from './serdes/timer-time.ts'
export { strictUtf8 } from './serdes/utf8.ts'
export type { Move, Versioned } from './serdes/versioned.ts'
export { settleAll } from './settle-all.ts'
export { storeKeyName } from './store-key-name.ts'
export { timerHeartbeats } from './timer-heartbeats.ts'
export { type JobMeaning, jobMeaning, type RepartitionMeaning, type StoreMeaning } from './topology/job-meaning.ts'
export {
  namedTopics,
  type PartitionPlan,
  type RepartitionTopic,
  resolvePartitions,
} from './topology/resolve-partitions.ts'
export { sourceStarts } from './topology/source-starts.ts'
export {
  catalogTopic,
  changelogTopic,
  deadLettersOf,
  deadLetterTopics,
  repartitionTopic,
  stepsOf,
} from './topology/steps.ts'
export { type StoreInputs, storeInputs } from './topology/store-inputs.ts'
export { toTopology } from './topology/to-topology.ts'
export type {
  GlobalPlan,
  InputPlan,
  OutputNode,
  Subtopology,
  Topology,
  ViewPlan,
} from './topology/topology.ts'
export { choicesOf, isMeant, jobVersion, versionedName } from './versioned-name.ts'

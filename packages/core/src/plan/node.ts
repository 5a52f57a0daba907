import type { AggregateNode, CogroupNode, CountWindowNode, DedupeNode, LateNode } from './nodes/aggregate-nodes.ts'
import type { AsyncNode } from './nodes/async-nodes.ts'
import type {
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
} from './nodes/join-nodes.ts'
import type { ArrivalNode, InOrderNode } from './nodes/order-nodes.ts'
import type { ProcessNode, SideOutputNode, StateViewNode } from './nodes/process-nodes.ts'
import type {
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
} from './nodes/stateless-nodes.ts'
import type {
  ChangesNode,
  RankRowsNode,
  TableAggregateNode,
  TableCountNode,
  TableEveryNode,
  TableFilterNode,
  TableGroupByNode,
  TableMapValuesNode,
  TopRowsNode,
  ToTableNode,
} from './nodes/table-nodes.ts'
import type { GlobalSourceNode, RepartitionNode, SinkNode, SourceNode } from './nodes/topic-nodes.ts'

/** All steps by their kind: an operator belongs to each, and the runtime does not compile without it. */
export interface PlanNodes {
  readonly source: SourceNode
  readonly globalSource: GlobalSourceNode
  readonly map: MapNode
  readonly mapValues: MapValuesNode
  readonly filter: FilterNode
  readonly flatMap: FlatMapNode
  readonly flatMapValues: FlatMapValuesNode
  readonly keyBy: KeyByNode
  readonly peek: PeekNode
  readonly merge: MergeNode
  readonly branch: BranchNode
  readonly pipe: PipeNode
  readonly errorPolicy: ErrorPolicyNode
  readonly repartition: RepartitionNode
  readonly sink: SinkNode
  readonly aggregate: AggregateNode
  readonly cogroup: CogroupNode
  readonly countWindow: CountWindowNode
  readonly toTable: ToTableNode
  readonly tableFilter: TableFilterNode
  readonly tableMapValues: TableMapValuesNode
  readonly tableEvery: TableEveryNode
  readonly changes: ChangesNode
  readonly streamJoin: StreamJoinNode
  readonly joinAll: JoinAllNode
  readonly tableLookup: TableLookupNode
  readonly versionLookup: VersionLookupNode
  readonly globalLookup: GlobalLookupNode
  readonly asOfJoin: AsOfJoinNode
  readonly dedupe: DedupeNode
  readonly inOrder: InOrderNode
  readonly arrival: ArrivalNode
  readonly late: LateNode
  readonly tableJoin: TableJoinNode
  readonly tableGroupBy: TableGroupByNode
  readonly tableCount: TableCountNode
  readonly tableAggregate: TableAggregateNode
  readonly rankRows: RankRowsNode
  readonly topRows: TopRowsNode
  readonly foreignKeys: ForeignKeysNode
  readonly foreignMatches: ForeignMatchesNode
  readonly foreignRows: ForeignRowsNode
  readonly process: ProcessNode
  readonly sideOutput: SideOutputNode
  readonly stateView: StateViewNode
  readonly async: AsyncNode
}

/** A step of a job, immutable. Streams carry records (key, value); tables carry changes (key, new value, old value). */
export type PlanNode = PlanNodes[keyof PlanNodes]

/** A step that runs in a task: every one but a topic that is read. */
export type StepNode = Exclude<PlanNode, SourceNode | GlobalSourceNode>

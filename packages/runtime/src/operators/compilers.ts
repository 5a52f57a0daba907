import type { PlanNodes, StepNode } from '@millrace/core/internal'
import { compileAggregate } from './aggregates/aggregate.ts'
import { compileCogroup } from './aggregates/cogroup.ts'
import { compileCountWindow } from './aggregates/count-window.ts'
import { compileDedupe } from './aggregates/dedupe.ts'
import { compileAsync } from './async/async.ts'
import { compileAsOfJoin } from './joins/as-of-join.ts'
import { compileForeignKeys } from './joins/foreign-keys.ts'
import { compileForeignMatches } from './joins/foreign-matches.ts'
import { compileForeignRows } from './joins/foreign-rows.ts'
import { compileGlobalLookup } from './joins/global-lookup.ts'
import { compileJoinAll } from './joins/join-all.ts'
import { compileStreamJoin } from './joins/stream-join.ts'
import { compileTableJoin } from './joins/table-join.ts'
import { compileTableLookup } from './joins/table-lookup.ts'
import { compileVersionLookup } from './joins/version-lookup.ts'
import { compileRepartition } from './outputs/repartition.ts'
import { compileSink } from './outputs/sink.ts'
import { compileProcess, compileSideOutput, compileStateView } from './process/process.ts'
import { compileBranch } from './stateless/branch.ts'
import { compileErrorPolicy } from './stateless/error-policy.ts'
import { compileFilter } from './stateless/filter.ts'
import { compileFlatMap } from './stateless/flat-map.ts'
import { compileFlatMapValues } from './stateless/flat-map-values.ts'
import { compileKeyBy } from './stateless/key-by.ts'
import { compileMap } from './stateless/map.ts'
import { compileMapValues } from './stateless/map-values.ts'
import { compileLate, compileMerge } from './stateless/merge.ts'
import { compilePeek } from './stateless/peek.ts'
import { compilePipe } from './stateless/pipe.ts'
import type { CompileStep, Connect, StepContext } from './step-context.ts'
import { compileChanges } from './tables/changes.ts'
import { compileTableFilter, compileTableMapValues } from './tables/derived-table.ts'
import { compileRankRows } from './tables/rank-rows.ts'
import { compileTableAggregate, compileTableCount } from './tables/table-aggregate.ts'
import { compileTableEvery } from './tables/table-every.ts'
import { compileTableGroupBy } from './tables/table-group-by.ts'
import { compileToTable } from './tables/to-table.ts'
import { compileTopRows } from './tables/top-rows.ts'
import { compileArrival } from './time/arrival.ts'
import { compileInOrder } from './time/in-order.ts'

type Kind = StepNode['kind']

/** The operator of each kind of step, in the file that the import names. */
const COMPILERS: { readonly [K in Kind]: CompileStep<PlanNodes[K]> } = {
  map: compileMap,
  mapValues: compileMapValues,
  filter: compileFilter,
  flatMap: compileFlatMap,
  flatMapValues: compileFlatMapValues,
  keyBy: compileKeyBy,
  peek: compilePeek,
  merge: compileMerge,
  branch: compileBranch,
  pipe: compilePipe,
  errorPolicy: compileErrorPolicy,
  repartition: compileRepartition,
  sink: compileSink,
  aggregate: compileAggregate,
  cogroup: compileCogroup,
  countWindow: compileCountWindow,
  toTable: compileToTable,
  tableFilter: compileTableFilter,
  tableMapValues: compileTableMapValues,
  tableEvery: compileTableEvery,
  changes: compileChanges,
  streamJoin: compileStreamJoin,
  joinAll: compileJoinAll,
  tableLookup: compileTableLookup,
  versionLookup: compileVersionLookup,
  globalLookup: compileGlobalLookup,
  asOfJoin: compileAsOfJoin,
  dedupe: compileDedupe,
  inOrder: compileInOrder,
  arrival: compileArrival,
  late: compileLate,
  tableJoin: compileTableJoin,
  tableGroupBy: compileTableGroupBy,
  tableCount: compileTableCount,
  tableAggregate: compileTableAggregate,
  rankRows: compileRankRows,
  topRows: compileTopRows,
  foreignKeys: compileForeignKeys,
  foreignMatches: compileForeignMatches,
  foreignRows: compileForeignRows,
  process: compileProcess,
  sideOutput: compileSideOutput,
  stateView: compileStateView,
  async: compileAsync,
}

/** Begins to make a step's operator: see `CompileStep`. */
export function compileStep(node: StepNode, context: StepContext): Connect {
  return compileKind(node.kind, node, context)
}

function compileKind<K extends Kind>(kind: K, node: PlanNodes[K], context: StepContext): Connect {
  return COMPILERS[kind](node, context)
}

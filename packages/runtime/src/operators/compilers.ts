import type { PlanNodes, StepNode } from '@millrace/core/internal'
import { compileAggregate } from './aggregate.ts'
import { compileAsOfJoin } from './as-of-join.ts'
import { compileBranch } from './branch.ts'
import { compileChanges } from './changes.ts'
import { compileCogroup } from './cogroup.ts'
import { compileCountWindow } from './count-window.ts'
import { compileDedupe } from './dedupe.ts'
import { compileTableFilter, compileTableMapValues } from './derived-table.ts'
import { compileFilter } from './filter.ts'
import { compileFlatMap } from './flat-map.ts'
import { compileFlatMapValues } from './flat-map-values.ts'
import { compileForeignKeys } from './foreign-keys.ts'
import { compileForeignMatches } from './foreign-matches.ts'
import { compileForeignRows } from './foreign-rows.ts'
import { compileKeyBy } from './key-by.ts'
import { compileMap } from './map.ts'
import { compileMapValues } from './map-values.ts'
import { compileLate, compileMerge } from './merge.ts'
import { compilePeek } from './peek.ts'
import { compilePipe } from './pipe.ts'
import { compileProcess, compileSideOutput, compileStateView } from './process/process.ts'
import { compileRepartition } from './repartition.ts'
import { compileSink } from './sink.ts'
import type { CompileStep, Connect, StepContext } from './step-context.ts'
import { compileStreamJoin } from './stream-join.ts'
import { compileTableAggregate, compileTableCount } from './table-aggregate.ts'
import { compileTableGroupBy } from './table-group-by.ts'
import { compileTableJoin } from './table-join.ts'
import { compileTableLookup } from './table-lookup.ts'
import { compileToTable } from './to-table.ts'

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
  repartition: compileRepartition,
  sink: compileSink,
  aggregate: compileAggregate,
  cogroup: compileCogroup,
  countWindow: compileCountWindow,
  toTable: compileToTable,
  tableFilter: compileTableFilter,
  tableMapValues: compileTableMapValues,
  changes: compileChanges,
  streamJoin: compileStreamJoin,
  tableLookup: compileTableLookup,
  asOfJoin: compileAsOfJoin,
  dedupe: compileDedupe,
  late: compileLate,
  tableJoin: compileTableJoin,
  tableGroupBy: compileTableGroupBy,
  tableCount: compileTableCount,
  tableAggregate: compileTableAggregate,
  foreignKeys: compileForeignKeys,
  foreignMatches: compileForeignMatches,
  foreignRows: compileForeignRows,
  process: compileProcess,
  sideOutput: compileSideOutput,
  stateView: compileStateView,
}

/** Begins to make a step's operator: see `CompileStep`. */
export function compileStep(node: StepNode, context: StepContext): Connect {
  return compileKind(node.kind, node, context)
}

function compileKind<K extends Kind>(kind: K, node: PlanNodes[K], context: StepContext): Connect {
  return COMPILERS[kind](node, context)
}

export type { Window } from '@millrace/core'
export { KeyedView } from './keyed-view.ts'
export { type ClientOptions, MillraceClient, type TableView, type ViewDescription } from './millrace-client.ts'
export {
  type ChangeOptions,
  type DeployOptions,
  type LogOptions,
  NodeClient,
  type NodeDescription,
  type RewindOptions,
  type UndeployedJob,
  type UndeployOptions,
} from './node-client.ts'
export type {
  Answer,
  ChangesOptions,
  Page,
  PageOptions,
  PartsOptions,
  RangeOptions,
  ReadOptions,
  ViewChange,
  ViewEntry,
  ViewEvent,
  ViewStart,
  WindowedAnswer,
  WindowedEntry,
  WindowedRangeOptions,
  WindowOptions,
} from './view-answers.ts'
export { WindowedView } from './windowed-view.ts'

export { KeyedView } from './keyed-view.ts'
export { type ClientOptions, MillraceClient, type ViewDescription } from './millrace-client.ts'
export type {
  Answer,
  Page,
  PageOptions,
  RangeOptions,
  ReadOptions,
  ViewChange,
  ViewEntry,
  ViewEvent,
  ViewStart,
  Window,
  WindowedEntry,
  WindowedRangeOptions,
  WindowOptions,
} from './view-answers.ts'
export { WindowedView } from './windowed-view.ts'

/** What a random job computes, as data: `toJob` makes a job from it, `fold` computes the same by hand. */
export type StreamPlan =
  | { readonly kind: 'source'; readonly topic: string }
  | { readonly kind: 'filter' | 'tag' | 'copies'; readonly input: StreamPlan }
  | { readonly kind: 'keyBy'; readonly input: StreamPlan; readonly keys: number }
  | RepartitionPlan
  | { readonly kind: 'merge'; readonly inputs: readonly StreamPlan[] }
  | { readonly kind: 'late'; readonly table: WindowPlan | SessionPlan }
  /** The results of a table, under their key without the window. */
  | { readonly kind: 'results'; readonly table: TablePlan }

export interface RepartitionPlan {
  readonly kind: 'repartition'
  readonly input: StreamPlan
  /** Undefined for a topic that the job itself makes, because a step needs equal keys in one partition. */
  readonly name: string | undefined
  readonly partitions: number | undefined
}

/** Keeps the ids of the records of each key, or each key and window, or each session. */
export type TablePlan = WindowPlan | SessionPlan | TotalPlan

export interface WindowPlan extends Table {
  readonly kind: 'window'
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
  readonly emit: 'changes' | 'final'
  /** Whether windows are merged of panes, if they can be. */
  readonly panes: boolean
}

export interface SessionPlan extends Table {
  readonly kind: 'session'
  readonly gapMs: number
  readonly graceMs: number
  readonly emit: 'final'
}

export interface TotalPlan extends Table {
  readonly kind: 'total'
}

interface Table {
  readonly name: string
  readonly input: StreamPlan
  /** Whether the order of the input's records of a key depends only on the source partitions. */
  readonly ordered: boolean
}

export interface JobPlan {
  readonly topics: readonly string[]
  readonly tables: readonly TablePlan[]
}

/** Whether the windows of a table are merged of their panes when they close: its view has the windows that have closed. */
export function showsClosedOnly(plan: TablePlan): boolean {
  if (plan.kind !== 'window' || plan.emit !== 'final' || !plan.panes) return false
  return plan.advanceMs < plan.sizeMs && plan.sizeMs % plan.advanceMs === 0
}

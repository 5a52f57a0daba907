import type { Env, JobStatus } from '@millrace/core'
import type { Places } from '../http/places.ts'
import type { AnswerRooms } from './answer-room.ts'
import type { QueryBudget } from './query-budget.ts'
import type { ServedView } from './served-view.ts'

/** What the routes answer from. */
export interface RouteSources {
  readonly job: string
  readonly views: readonly ServedView[]
  readonly status: () => JobStatus
  readonly env: Env
  /** The token for queries to other processes of the job: the one that this server requires. */
  readonly token: string | null
  /** Aborts when the server closes: waits and streams end. */
  readonly closing: AbortSignal
  /** What all queries may hold together. */
  readonly budget: QueryBudget
  /** What the queries for the parts of this process only may hold together. */
  readonly hereBudget: QueryBudget
  /** How much room answers need. */
  readonly rooms: AnswerRooms
  /** The queries that wait for a position. */
  readonly waits: Places
}

import type { HttpBindings } from '@hono/node-server'
import type { Env, JobStatus } from '@millrace/core'
import type { Context } from 'hono'
import type { ServedView } from './served-view.ts'

/** What the routes answer from. */
export interface RouteSources {
  readonly job: string
  readonly views: readonly ServedView[]
  readonly status: () => JobStatus
  readonly env: Env
  /** Aborts when the server closes: waits and streams end. */
  readonly closing: AbortSignal
}

/** Hono's types for a server on Node. */
export type Http = { Bindings: HttpBindings }

/** One request, as a route sees it. */
export type HttpContext = Context<Http>

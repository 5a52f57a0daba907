import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** Hono's types for a server on Node. */
export type Http = { Bindings: HttpBindings }

/** One request, as a route sees it. */
export type HttpContext = Context<Http>

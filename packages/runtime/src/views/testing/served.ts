import type { Env, JobStatus } from '@millrace/core'
import { int32, json, string } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startViewServer, type ViewServer } from '../view-server.ts'
import { HandTimers } from './hand-timers.ts'
import { MemoryView } from './memory-view.ts'

export const HOUR = 3_600_000

export const STATUS: JobStatus = { job: 'flight-delays', phase: 'running', atMs: 12.5, tasks: [], problems: [] }

/** A running server over three views, with timers that the test turns. */
export interface Served {
  readonly url: string
  readonly server: ViewServer
  readonly timers: HandTimers
  /** By string key and hour; two parts of `flights`. */
  readonly delays: MemoryView
  /** By string key; two parts of `flights`. */
  readonly totals: MemoryView
  /** By int32 key; one part of `routes`. */
  readonly routes: MemoryView
  [Symbol.asyncDispose](): Promise<void>
}

export async function serve(): Promise<Served> {
  const timers = new HandTimers()
  const env: Env = { ...nodeEnv(), timers }
  const flights = [{ flights: { 0: 0 } }, { flights: { 1: 0 } }]
  const delays = new MemoryView({ name: 'delays', key: string(), value: json(), windowMs: HOUR, positions: flights })
  const totals = new MemoryView({ name: 'totals', key: string(), value: json(), positions: flights })
  const routes = new MemoryView({ name: 'routes', key: int32(), value: json(), positions: [{ routes: { 0: 0 } }] })
  const views = [delays, totals, routes]
  const server = await startViewServer({ job: STATUS.job, views, status: () => STATUS, env, token: null })
  return { url: server.url, server, timers, delays, totals, routes, [Symbol.asyncDispose]: () => server.close() }
}

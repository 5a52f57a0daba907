import { AIRPORTS } from '../flights/airports.ts'
import { prepareDepartures, prepareFlights, prepareLocatedFlights, prepareRoutes } from '../flights/prepare.ts'
import { type Compared, PREFIX_BYTES, TIMED_PREFIX_BYTES } from './results.ts'

/** A job and the loop that an expert would write for it, which must come to the same results. */
export interface Contest extends Compared {
  /** What is done, for the table. */
  readonly title: string
  /** Makes a data directory with so many records in the topics `inputs`. */
  readonly prepare: (records: number) => Promise<string>
  readonly inputs: readonly string[]
  /** How many rows of a table are read besides these records. */
  readonly rows?: number
  readonly job: string
  /** How many bytes precede each value in Millrace's state. Nothing precedes it in the loop's state. */
  readonly prefixBytes: number
  readonly byHand: string
  readonly onMillrace: string
}

export const STATELESS: Contest = {
  title: 'stateless: filter and project',
  prepare: prepareFlights,
  inputs: ['flights'],
  job: 'delayed-flights',
  prefixBytes: TIMED_PREFIX_BYTES,
  stores: ['delays'],
  output: 'delayed',
  byHand: 'works/delayed-by-hand.ts',
  onMillrace: 'works/delayed-on-millrace.ts',
}

export const STATEFUL: Contest = {
  title: 'stateful: hourly aggregate by origin, an output per record',
  prepare: prepareFlights,
  inputs: ['flights'],
  job: 'hourly-delays',
  prefixBytes: TIMED_PREFIX_BYTES,
  stores: ['delays'],
  output: 'delays',
  byHand: 'works/hourly-by-hand.ts',
  onMillrace: 'works/hourly-on-millrace.ts',
}

export const NEW_KEYS: Contest = {
  title: 'mostly new keys: total by route and hour, an output per record',
  prepare: prepareRoutes,
  inputs: ['routes'],
  job: 'route-totals',
  prefixBytes: TIMED_PREFIX_BYTES,
  stores: ['totals'],
  output: 'totals',
  byHand: 'works/routes-by-hand.ts',
  onMillrace: 'works/routes-on-millrace.ts',
}

export const TABLE_JOIN: Contest = {
  title: 'join with a table: the city of each origin, an output per record',
  prepare: prepareLocatedFlights,
  inputs: ['flights', 'airports'],
  rows: AIRPORTS,
  job: 'located-flights',
  prefixBytes: PREFIX_BYTES,
  stores: ['airports'],
  output: 'located',
  byHand: 'works/located-by-hand.ts',
  onMillrace: 'works/located-on-millrace.ts',
}

export const SESSIONS: Contest = {
  title: 'sessions: waves of departures by origin, an output per wave',
  prepare: prepareFlights,
  inputs: ['flights'],
  job: 'departure-waves',
  prefixBytes: TIMED_PREFIX_BYTES,
  stores: ['waves'],
  output: 'waves',
  anyOrder: true,
  byHand: 'works/waves-by-hand.ts',
  onMillrace: 'works/waves-on-millrace.ts',
}

export const TIMERS: Contest = {
  title: 'process with timers: no departure for two hours, an output per silence',
  prepare: prepareFlights,
  inputs: ['flights'],
  job: 'silences',
  prefixBytes: TIMED_PREFIX_BYTES,
  stores: ['silence.last'],
  output: 'silences',
  anyOrder: true,
  byHand: 'works/silences-by-hand.ts',
  onMillrace: 'works/silences-on-millrace.ts',
}

export const STREAM_JOIN: Contest = {
  title: 'join of two streams within two hours: planned and actual departures, an output per pair',
  prepare: prepareDepartures,
  inputs: ['planned', 'actual'],
  job: 'punctual-departures',
  prefixBytes: TIMED_PREFIX_BYTES,
  stores: ['punctual.left', 'punctual.right'],
  output: 'punctual',
  anyOrder: true,
  byHand: 'works/punctual-by-hand.ts',
  onMillrace: 'works/punctual-on-millrace.ts',
}

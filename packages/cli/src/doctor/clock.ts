import { seconds } from '../terminal/amounts.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** No Millrace is older. */
const RELEASED_AT = Date.UTC(2026, 0, 1)
/** No machine that runs this is so old: then the clock was set by mistake. */
const PLAUSIBLE_UNTIL = Date.UTC(2100, 0, 1)
/** Copies from another machine differ by its clock, which should be less than this. */
const AHEAD_MS_MAX = 60_000
/** A clock that is corrected slowly differs by 0.05 % at most: 1 ms in the two seconds of this command. */
const JUMP_MS_MAX = 250

/** The wall clock, and what is compared with it. */
export interface ClockFacts {
  /** ms since the epoch. */
  readonly nowMs: number
  /** The newest change to a file of the log, ms since the epoch, and its path; undefined if there is none. */
  readonly newest: { readonly path: string; readonly modifiedMs: number } | undefined
  /** How far the wall clock moved more than time passed while this command ran, ms. */
  readonly jumpMs: number
}

/** Returns a function that returns how far the wall clock has jumped since then, ms. */
export function watchClock(): () => number {
  const start = Date.now() - performance.now()
  return () => Date.now() - performance.now() - start
}

/** Decides on the clock. Time zones do not matter: all times are UTC. */
export function checkClock({ nowMs, newest, jumpMs }: ClockFacts): Finding[] {
  const check = 'Clock'
  const setClock =
    'Set the clock of the machine, and let it be synchronized (NTP). Records without a timestamp get the time of the clock, and retention deletes by it.'
  const now = new Date(nowMs).toISOString()
  if (nowMs < RELEASED_AT || nowMs > PLAUSIBLE_UNTIL) {
    return [problem({ check, what: `it shows ${now}, which cannot be right`, advice: setClock })]
  }
  if (newest !== undefined && newest.modifiedMs > nowMs + AHEAD_MS_MAX) {
    const ahead = seconds((newest.modifiedMs - nowMs) / 1000)
    const what = `it shows ${now}, and ${newest.path} was written ${ahead} later: the clock was set back, or was wrong then`
    return [warning({ check, what, where: newest.path, advice: setClock })]
  }
  if (Math.abs(jumpMs) > JUMP_MS_MAX) {
    const what = `it jumped by ${Math.round(jumpMs)} ms while this command ran`
    const advice =
      'Jobs continue: they measure intervals with another clock. Let the clock be corrected slowly (chrony or ntpd do that, "ntpdate" does not).'
    return [warning({ check, what, advice })]
  }
  return [ok(check, `${now}, and it runs steadily`)]
}

import { CALENDAR_UNITS, WEEKDAYS } from '../calendar/calendar-units.ts'
import { isTimeZone } from '../calendar/zone-clock.ts'
import { DURATION, isDuration, isLength } from './duration-problem.ts'
import type { Emit } from './emit.ts'
import type { PlanNode } from './node.ts'
import type { CountWindowNode } from './nodes/aggregate-nodes.ts'
import type { CalendarWindows, FixedWindows, WindowSpec } from './window.ts'

/** A record is in `size / advance` windows and changes each of them. More than this is a mistake, such as ms for minutes. */
const WINDOWS_PER_RECORD_MAX = 10_000

/** What is wrong with a step's windows, in words; nothing if it has none. */
export function windowProblems(step: PlanNode): string[] {
  if (step.kind === 'countWindow') return sizeProblems(step)
  if (!('window' in step) || step.window === undefined) return []
  const { graceMs, retentionMs, clock } = step.window
  const problems = [
    ...lengthProblems(step.window),
    isDuration(graceMs) ? undefined : `grace must be ${DURATION}`,
    clock === undefined || clock === 'wall'
      ? undefined
      : `clock must be 'event' or 'wall', not ${JSON.stringify(clock)}`,
    clock === 'wall' && graceMs > 0 ? 'by the wall clock no record is late. Leave out the grace' : undefined,
    retentionMs === undefined ? undefined : retentionProblem(retentionMs, graceMs),
    typeof step.emit === 'string' || isLength(step.emit.everyMs)
      ? undefined
      : `the time of emit: { every } must be more than 0, and ${DURATION}`,
    step.window.kind === 'sliding' && typeof step.emit === 'object'
      ? 'each total is final, so emit cannot be { every }. Leave it out'
      : undefined,
    step.window.kind === 'session' && step.merge === undefined ? MERGE_MISSING : undefined,
    step.window.kind === 'hopping' && step.window.panes && step.paned === undefined
      ? panesProblem(step.window, step.emit)
      : undefined,
  ]
  return problems.flatMap((problem) =>
    problem === undefined ? [] : [`Step ${step.label} cannot have these windows: ${problem}`],
  )
}

function panesProblem({ sizeMs, advanceMs }: FixedWindows, emit: Emit): string {
  if (emit !== 'final') return "windows with panes have a total when they close. Give emit: 'final', or leave panes out"
  if (sizeMs % advanceMs !== 0) return 'with panes, the size must be a multiple of the advance'
  return (
    'with panes, totals must be merged. Use count() or another ready-made fold, or give aggregate a merge, as in ' +
    '{ init, add, merge: (a, b) => a + b }; or leave panes out'
  )
}

function sizeProblems({ label, size }: CountWindowNode): string[] {
  if (Number.isSafeInteger(size) && size >= 1) return []
  return [`Step ${label} cannot have windows of ${size} records. Give a whole number, at least 1`]
}

/** The compiler rejects such a step; a job in JavaScript has no compiler. */
const MERGE_MISSING =
  'a record may join two sessions, so their totals must become one. Give aggregate a merge, as in ' +
  '{ init, add, merge: (a, b) => a + b }'

function lengthProblems(windows: WindowSpec): (string | undefined)[] {
  if (windows.kind === 'calendar') return calendarProblems(windows)
  if (windows.kind === 'session')
    return [isLength(windows.gapMs) ? undefined : `gap must be more than 0, and ${DURATION}`]
  const sizeProblem = isLength(windows.sizeMs) ? undefined : `size must be more than 0, and ${DURATION}`
  return windows.kind === 'sliding' ? [sizeProblem] : [sizeProblem, advanceProblem(windows)]
}

function calendarProblems({ unit, timeZone, weekStartsOn }: CalendarWindows): (string | undefined)[] {
  return [
    CALENDAR_UNITS.includes(unit)
      ? undefined
      : `unit ${JSON.stringify(unit)} must be one of ${CALENDAR_UNITS.join(', ')}`,
    isTimeZone(timeZone)
      ? undefined
      : `time zone ${JSON.stringify(timeZone)} is not known here. Use a name of the time zone database, such as ` +
        '"Europe/Zurich" or "UTC"; a new one may need a newer Node',
    WEEKDAYS.includes(weekStartsOn)
      ? undefined
      : `weekStartsOn ${JSON.stringify(weekStartsOn)} must be one of ${WEEKDAYS.join(', ')}`,
  ]
}

function advanceProblem({ kind, sizeMs, advanceMs }: FixedWindows): string | undefined {
  if (kind !== 'hopping') return undefined
  if (!isLength(advanceMs)) return `advance must be more than 0, and ${DURATION}`
  if (advanceMs > sizeMs) return 'advance must not be more than the size, because records would fall between windows'
  if (sizeMs / advanceMs <= WINDOWS_PER_RECORD_MAX) return undefined
  return `advance must be longer, because each record would be in more than ${WINDOWS_PER_RECORD_MAX} windows`
}

function retentionProblem(retentionMs: number, graceMs: number): string | undefined {
  if (!isDuration(retentionMs)) return `retention must be ${DURATION}`
  return retentionMs < graceMs
    ? 'retention must be at least the grace, because a window accepts late records for that long'
    : undefined
}

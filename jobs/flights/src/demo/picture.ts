import type { JobStatus } from '@millrace/core'
import { FLIGHTS_IN_FILE } from '../parquet-file.ts'
import type { Delay } from '../plan.ts'
import type { AirportHour } from './live-delays.ts'
import type { TaskLine } from './rates.ts'

/** The state of the demo at a moment. */
export interface Moment {
  /** Flights that are in the topic. */
  readonly imported: number
  readonly tasks: readonly TaskLine[]
  readonly hour: number | undefined
  readonly airports: readonly AirportHour[]
  /** By hour of day, `00` to `23`. */
  readonly hoursOfDay: ReadonlyMap<string, Delay>
}

const BARS = '▁▂▃▄▅▆▇█'

interface Colors {
  bold(text: string): string
  dim(text: string): string
  cyan(text: string): string
  green(text: string): string
}

/** The live picture: some lines of text. */
export function picture(moment: Moment, { bold, dim, cyan, green }: Colors): string {
  const hour = moment.hour === undefined ? '' : ` in the hour of ${new Date(moment.hour).toISOString().slice(0, 16)}`
  return [
    `${bold('import')}  ${importLine(moment)}`,
    `${bold('job')}     ${jobLine(moment.tasks)}`,
    '',
    dim(`  ${'task'.padEnd(36)}${'records'.padStart(12)}${'rate'.padStart(12)}${'lag'.padStart(12)}`),
    ...moment.tasks.map(
      ({ task, processed, perSecond, lag }) =>
        `  ${task.padEnd(36)}${number(processed).padStart(12)}${`${number(perSecond)}/s`.padStart(12)}${number(lag).padStart(12)}`,
    ),
    '',
    bold(`Most minutes late${hour}`),
    ...moment.airports.map(
      ({ airport, flights, minutes }) =>
        `  ${cyan(airport)}${number(minutes).padStart(8)} min ${dim(`${number(flights)} ${flights === 1 ? 'flight' : 'flights'}`)}`,
    ),
    '',
    bold('Minutes late per flight, by hour of day'),
    `  ${green(bars(moment.hoursOfDay))}`,
    dim('  0     6     12    18   23'),
  ].join('\n')
}

/** The same in one line, for output that is not redrawn. */
export function plainLine(moment: Moment): string {
  const { tasks, airports } = moment
  const [first] = airports
  const worst = first === undefined ? '' : `; most late: ${first.airport}, ${number(first.minutes)} min in an hour`
  return `import: ${importLine(moment)}; job: ${jobLine(tasks)}${worst}`
}

/** How many flights the topic holds, as the job reports it. */
export function importedIn(status: JobStatus): number {
  const inputs = status.tasks.flatMap((task) => task.inputs).filter(({ topic }) => topic === 'flights')
  return inputs.reduce((sum, { endOffset }) => sum + endOffset, 0)
}

function importLine({ imported }: Moment): string {
  return `${number(imported)} of ${number(FLIGHTS_IN_FILE)} flights (${Math.floor((imported * 100) / FLIGHTS_IN_FILE)} %)`
}

function jobLine(tasks: readonly TaskLine[]): string {
  const sum = (of: (task: TaskLine) => number) => tasks.reduce((total, task) => total + of(task), 0)
  const lag = sum((task) => task.lag)
  return `${number(sum((task) => task.fromSources))} records, ${number(sum((task) => task.fromSourcesPerSecond))}/s, lag ${number(lag)}`
}

function bars(hours: ReadonlyMap<string, Delay>): string {
  const averages = Array.from({ length: 24 }, (_, hour) => {
    const delay = hours.get(String(hour).padStart(2, '0'))
    return delay === undefined ? 0 : delay.minutes / delay.flights
  })
  // At night a few flights are very late; they must not flatten the day.
  const highest = Math.max(1, ...averages.slice(5))
  return averages.map((value) => BARS[Math.min(7, Math.floor((value / highest) * 7.99))] ?? BARS[7]).join('')
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

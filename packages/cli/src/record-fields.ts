import { badInput } from './input-error.ts'
import { isoTime } from './values.ts'

/** The key that a field holds: text as it is, anything else as JSON. Throws `BAD_INPUT` where there is none. */
export function keyText(fields: Readonly<Record<string, unknown>>, field: string, where: string): string {
  const value = fields[field]
  if (typeof value === 'string') return value
  if (value === undefined || value === null)
    throw badInput(`${where} has no field ${JSON.stringify(field)} for the key`)
  return JSON.stringify(value)
}

/** The event time of a record as `tail --json` prints it: ms since 1970, or an ISO date. Throws `BAD_INPUT`. */
export function timestampOf(fields: Readonly<Record<string, unknown>>, field: string, where: string): number {
  const value = fields[field]
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  if (typeof value === 'string') {
    const time = /^-?\d+$/.test(value) ? Number(value) : isoTime(value)
    if (time !== undefined && Number.isSafeInteger(time)) return time
  }
  if (value === undefined || value === null) {
    throw badInput(`${where} has no field ${JSON.stringify(field)} for the timestamp`)
  }
  throw badInput(`${where}: ${field} is ${JSON.stringify(value)}, and no time (ms since the epoch or an ISO date)`)
}

import type { RefusedError } from '@millrace/core'
import { isoTime } from '@millrace/core/internal'
import { InvalidArgumentError, Option } from 'commander'
import { badInput } from '../input-error.ts'
import { NumberText } from './field-time.ts'
import {
  EVENT_TIME_MS_MAX,
  isoText,
  LOOKS,
  looksLike,
  TIME_UNITS,
  type TimeUnit,
  toMilliseconds,
  UNIT_NAMES,
} from './time-unit.ts'

/** The option that states the unit of numbers that are event times. */
export function timestampUnitOption(): Option {
  return new Option(
    '--timestamp-unit <unit>',
    'the unit of event times that are numbers since 1970: s, ms, us or ns (default: ms, if that is plausible)',
  ).argParser((text) => {
    const unit = TIME_UNITS.find((each) => each === text)
    if (unit !== undefined) return unit
    throw new InvalidArgumentError(`Give ${TIME_UNITS.join(', ')}.`)
  })
}

/**
 * Reads the field that is the event time, record by record, and remembers how it read the times of the records that were
 * appended. A number without a stated unit is read as milliseconds only if it can be milliseconds. Every other number is
 * refused, never converted by a guess.
 */
export class EventTimeField {
  readonly #field: string
  readonly #unit: TimeUnit | undefined
  readonly #forms = new Set<string>()
  #form = ''
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY

  constructor(field: string, unit: TimeUnit | undefined) {
    this.#field = field
    this.#unit = unit
  }

  /** The name of the field. */
  get name(): string {
    return this.#field
  }

  /**
   * The event time in ms of the field's value: a text, a number, or a `NumberText`. `where` names the record in messages.
   * `isDate`: the file itself states that the field is a time, in ms. Throws `BAD_INPUT`.
   */
  read(value: unknown, where: string, isDate = false): number {
    if (value === undefined || value === null) {
      throw badInput(`${where} has no field ${JSON.stringify(this.#field)} for the timestamp`)
    }
    const time = isDate ? this.#dateOf(value, where) : this.#timeOf(value, where)
    if (time > EVENT_TIME_MS_MAX) {
      throw this.#refused(value, where, 'which would be a time after the year 9999. Check --timestamp-unit')
    }
    return time
  }

  /** Remembers the time that was read last, for the summary. Called after its record was appended. */
  taken(time: number): void {
    this.#forms.add(this.#form)
    if (time < this.#first) this.#first = time
    if (time > this.#last) this.#last = time
  }

  /** How the times were read, for a person; undefined if no record was appended. */
  get summary(): string | undefined {
    if (this.#last < this.#first) return undefined
    const forms = [...this.#forms].toSorted().join(' and ')
    return `Event time: ${this.#field}, ${forms}, from ${isoText(this.#first)} to ${isoText(this.#last)}`
  }

  #dateOf(value: unknown, where: string): number {
    if (this.#unit !== undefined) {
      throw this.#refused(value, where, 'and its column has the type of a date. Leave out --timestamp-unit')
    }
    this.#form = 'dates'
    return Number(value)
  }

  #timeOf(value: unknown, where: string): number {
    const number = numberText(value)
    if (number !== undefined) return this.#numberTime(number, value, where)
    const time = typeof value === 'string' ? isoTime(value) : undefined
    if (time === undefined)
      throw this.#refused(value, where, 'which is not a time. Give an ISO date, or a number of ms since 1970')
    this.#form = 'ISO dates'
    return time
  }

  #numberTime(text: number | string, value: unknown, where: string): number {
    const unit = this.#unit ?? this.#guarded(text, value, where)
    this.#form = `${UNIT_NAMES[unit]} since 1970`
    return toMilliseconds(text, unit)
  }

  /** Returns milliseconds if the number can be milliseconds; throws otherwise. */
  #guarded(text: number | string, value: unknown, where: string): 'ms' {
    const number = Number(text)
    const looks = looksLike(number)
    if (looks === 'ms' || looks === 'small') {
      if (toMilliseconds(text, 'ms') === number) return 'ms'
      const remedy = 'State its unit: --timestamp-unit ms rounds it down'
      throw this.#refused(value, where, `which is not a whole number of milliseconds. ${remedy}`)
    }
    const orMs = 'or --timestamp-unit ms if it is milliseconds since 1970'
    const asMs = `as milliseconds it is ${isoText(number)}`
    if (looks === 'year' || looks === 'date') {
      const remedy = looks === 'year' ? 'Name a field that holds a time' : 'Write it as 2001-01-31'
      throw this.#refused(value, where, `which looks like ${LOOKS[looks]} (${asMs}). ${remedy}, ${orMs}`)
    }
    const readings = `then it is ${isoText(toMilliseconds(text, looks))}, ${asMs}`
    const remedy = `State its unit: --timestamp-unit ${looks}, ${orMs}`
    throw this.#refused(value, where, `which looks like ${LOOKS[looks]} (${readings}). ${remedy}`)
  }

  #refused(value: unknown, where: string, what: string): RefusedError {
    const shown = value instanceof NumberText ? value.text : JSON.stringify(value)
    return badInput(`${where}: ${this.#field} is ${shown}, ${what}`)
  }
}

/** The number that a field holds, with all its digits if it has them as text. */
function numberText(value: unknown): number | string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (value instanceof NumberText) return Number.isFinite(Number(value.text)) ? value.text : undefined
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? value : undefined
}

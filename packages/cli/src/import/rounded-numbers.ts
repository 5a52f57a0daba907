import { isExactNumber, roundedNumber } from '../json-text/exact-number.ts'
import type { ReadRow } from './row-source.ts'

/** Counts rows with numbers that JavaScript rounds. The topic holds them with all digits; a job that parses them rounds them. */
export class RoundedNumbers {
  readonly #file: string
  #rows = 0
  #first = ''

  constructor(file: string) {
    this.#file = file
  }

  see({ json, line }: ReadRow): void {
    if (roundedNumber(json) === undefined) return
    if (this.#rows++ === 0) this.#first = `line ${line}: ${firstRounded(json)}`
  }

  notes(): string[] {
    if (this.#rows === 0) return []
    return [
      `${this.#file}: ${this.#rows} ${this.#rows === 1 ? 'row has a number' : 'rows have numbers'} that JavaScript rounds (first ${this.#first}). ` +
        'The topic has every digit, and json() reads them rounded. --columns <column>:string makes a column strings',
    ]
  }
}

/** The first rounded number of a JSON object with the path to it: `order.items[0].id is 9007199254740993`. */
function firstRounded(json: string): string {
  const places = new Map<unknown, { readonly holder: unknown; readonly name: string }>()
  let found: { readonly holder: unknown; readonly name: string; readonly source: string } | undefined
  JSON.parse(json, function (this: unknown, name: string, value: unknown, context?: { readonly source?: string }) {
    const source = context?.source
    if (typeof value === 'object' && value !== null) places.set(value, { holder: this, name })
    else if (found === undefined && typeof value === 'number' && source !== undefined && !isExactNumber(source)) {
      found = { holder: this, name, source }
    }
    return value
  })
  if (found === undefined) return ''
  let path = ''
  let place: { readonly holder: unknown; readonly name: string } | undefined = found
  // `JSON.parse` holds the outermost object in another object, under an empty name. No object holds that one.
  while (place !== undefined && places.has(place.holder)) {
    const step: string = Array.isArray(place.holder) ? `[${place.name}]` : `.${place.name}`
    path = step + path
    place = places.get(place.holder)
  }
  return `${path.replace(/^\./, '')} is ${found.source}`
}

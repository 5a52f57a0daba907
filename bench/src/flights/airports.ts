import { readFileSync } from 'node:fs'
import { datasetFile } from './dataset.ts'

/** How many airports `vega-datasets` has. */
export const AIRPORTS = 3376

export interface Airport {
  readonly name: string
  readonly city: string
  readonly state: string
  readonly latitude: number
  readonly longitude: number
}

/** The airports of `vega-datasets`, by the code that flights have. */
export function readAirports(): ReadonlyMap<string, Airport> {
  const [, ...lines] = readFileSync(datasetFile('airports.csv'), 'utf8').trimEnd().split('\n')
  const airports = new Map<string, Airport>()
  for (const line of lines) {
    const [code = '', name = '', city = '', state = '', , latitude, longitude] = fields(line)
    airports.set(code, { name, city, state, latitude: Number(latitude), longitude: Number(longitude) })
  }
  if (airports.size !== AIRPORTS) throw new Error(`vega-datasets has ${airports.size} airports, not ${AIRPORTS}`)
  return airports
}

/** The fields of a line; some are in quotes, and none has a quote in it. */
function fields(line: string): string[] {
  return Array.from(line.matchAll(/(?:^|,)(?:"([^"]*)"|([^,]*))/g), ([, quoted, bare = '']) => quoted ?? bare)
}

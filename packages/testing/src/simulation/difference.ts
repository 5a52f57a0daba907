import type { JobResults } from './job-results.ts'

/** A place at which two runs of a job have come to something else; undefined: it is not there. */
export interface Difference {
  /** A row of a view, or a record of an output: `view totals, key "ann"`. */
  readonly place: string
  readonly expected: string | undefined
  readonly found: string | undefined
}

/** What differs between the results that are expected and those that were found. */
export function differencesOf(expected: JobResults, found: JobResults): Difference[] {
  const places = new Set([...expected.keys(), ...found.keys()])
  return [...places].flatMap((place) => {
    const difference = { place, expected: expected.get(place), found: found.get(place) }
    return difference.expected === difference.found ? [] : [difference]
  })
}

const SHOWN_MAX = 5
const CHARACTERS_MAX = 200

/** The first differences, one a line. */
export function listed(differences: readonly Difference[]): string {
  const lines = differences
    .slice(0, SHOWN_MAX)
    .map(({ place, expected, found }) => `  ${place}: expected ${brief(expected)}, found ${brief(found)}`)
  const more = differences.length - SHOWN_MAX
  return [...lines, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n')
}

function brief(content: string | undefined): string {
  if (content === undefined) return 'nothing'
  return content.length <= CHARACTERS_MAX ? content : `${content.slice(0, CHARACTERS_MAX)}…`
}

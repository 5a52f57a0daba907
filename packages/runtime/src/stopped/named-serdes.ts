import { bytes, float64, int32, int64, json, msgpack, type Serde, string, windowed } from '@millrace/core'
import { ranking, resultsOfTotals } from '@millrace/core/internal'
import { anySerde } from '../operators/any-serde.ts'

/**
 * Millrace's own serdes, which read what they wrote without the job's code. JSON that a schema has checked is read like any
 * other, and totals of ready-made folds as their results. Those of windowed keys and of rankings are made of others.
 */
const SERDES = [string(), json(), bytes(), int32(), int64(), float64(), msgpack(), resultsOfTotals()]

/** The serde that a store's meaning names; undefined for a serde that the job's own code makes. */
export function namedSerde(name: string): Serde<unknown> | undefined {
  const [, word = '', inner = ''] = /^(windowed|ranking)\((.*)\)$/.exec(name) ?? []
  if (word !== '') return composedSerde(word, partsOf(inner).map(namedSerde))
  const serde = SERDES.find((each) => each.name === name)
  return serde && anySerde(serde as Serde<never>)
}

/** A serde that is made of others. */
function composedSerde(
  word: string,
  [first, second]: readonly (Serde<unknown> | undefined)[],
): Serde<unknown> | undefined {
  if (first === undefined) return undefined
  if (word === 'windowed') return anySerde(windowed(first) as Serde<never>)
  return second && anySerde(ranking(first, second) as Serde<never>)
}

/** The names of serdes that commas separate. A name may have others in parentheses. */
function partsOf(names: string): string[] {
  const parts: string[] = []
  let [start, depth] = [0, 0]
  for (let at = 0; at <= names.length; at++) {
    if (names[at] === '(') depth++
    if (names[at] === ')') depth--
    if (at < names.length && (names[at] !== ',' || depth > 0)) continue
    parts.push(names.slice(start, at))
    start = at + 1
  }
  return parts
}

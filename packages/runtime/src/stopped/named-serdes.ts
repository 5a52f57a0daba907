import { bytes, float64, int32, int64, json, msgpack, type Serde, string, windowed } from '@millrace/core'
import { keyPair, ranking, resultsOfTotals } from '@millrace/core/internal'
import { anySerde } from '../operators/any-serde.ts'

/**
 * Millrace's own serdes, which read what they wrote without the job's code. JSON that a schema has checked is read like any
 * other, and totals of ready-made folds as their results.
 */
const SERDES = [string(), json(), bytes(), int32(), int64(), float64(), msgpack(), resultsOfTotals()]

/** Serdes that are made of others, by the word with which their names begin. */
const COMPOSED = new Map<string, (first: Serde<unknown>, second: Serde<unknown>) => Serde<never>>([
  ['windowed', (key) => windowed(key) as Serde<never>],
  ['ranking', (key, value) => ranking(key, value) as Serde<never>],
  ['keys', (first, second) => keyPair(first, second) as Serde<never>],
])

/** The serde that a store's meaning names; undefined for a serde that the job's own code makes. */
export function namedSerde(name: string): Serde<unknown> | undefined {
  const [, word = '', inner = ''] = /^(\w+)\((.*)\)$/.exec(name) ?? []
  const compose = COMPOSED.get(word)
  if (compose !== undefined) {
    const parts = partsOf(inner).map(namedSerde)
    const [first, second = first] = parts
    return first === undefined || parts.includes(undefined) ? undefined : anySerde(compose(first, second ?? first))
  }
  const serde = SERDES.find((each) => each.name === name)
  return serde && anySerde(serde as Serde<never>)
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

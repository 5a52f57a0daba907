import type { Serde } from '@millrace/core'
import type { ForeignMatchesNode, KeyValueStore, RightUpdate, SortedStore, Timed } from '@millrace/core/internal'
import { anySerde } from '../any-serde.ts'
import { StreamOperator } from '../operator.ts'
import type { CompileStep } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import type { Reference } from './foreign-keys.ts'
import { Matches, type Referring } from './foreign-pairs.ts'
import { RightUpdates } from './foreign-updates.ts'
import { userJoin } from './joined-row.ts'

export const compileForeignMatches: CompileStep<ForeignMatchesNode> = (node, context) => {
  const { label, stores, sides } = node
  // The boundary at which the plan's stores get the types of what this step keeps in them.
  const references = context.sortedStore(stores[0]) as SortedStore<unknown, Referring, Uint8Array>
  const rights = context.keyValueStore(stores[1]) as KeyValueStore<unknown, Timed<unknown>>
  const update = context.keyValueStore(stores[2]) as KeyValueStore<string, RightUpdate<unknown>>
  const { record, clock, units } = context
  const updates = new RightUpdates(stores[2].name, context.timeBefore(node), update, record, clock, units)
  context.drive(updates)
  return () => {
    const next = context.streamAfter(node)
    const key = anySerde(sides[1].key)
    const matches = new Matches({
      step: label,
      fn: userJoin(node.fn),
      unmatched: node.unmatched,
      key,
      references,
      rights,
      next,
    })
    updates.connect(matches, context.resultsOf(node, anySerde(sides[0].key), anySerde(sides[0].value)))
    return [new ReferencesOperator(matches), new RightRowsOperator(matches, updates, label, anySerde(sides[1].value))]
  }
}

/**
 * Takes the left rows that come to, stay at, and leave a right key. Each gets an answer, also if there is no row: it takes the
 * place of what the left row had before.
 */
class ReferencesOperator extends StreamOperator {
  readonly #matches: Matches

  constructor(matches: Matches) {
    super()
    this.#matches = matches
  }

  process(rightKey: unknown, value: unknown, timestamp: number): void {
    const matches = this.#matches
    const { first: leftKey, second } = value as Reference
    if (second === null) return
    const { version, move, value: left } = second
    const entry = matches.references.find(leftKey)
    if (left === null) {
      if (entry.value !== undefined) matches.references.set(entry, undefined)
      matches.send(leftKey, { version, move, value: null }, undefined, timestamp)
      return
    }
    const timed = { at: timestamp, value: left }
    matches.references.set(entry, {
      // It comes once: what follows because the right row changes is about a row that stays.
      value: { version, move: 'stays', value: timed },
      order: matches.placeOf(rightKey),
    })
    matches.send(leftKey, { version, move, value: timed }, matches.rights.find(rightKey).value, timestamp)
  }
}

/** Takes the changes of right rows: all left rows that refer to one are joined again. */
class RightRowsOperator extends StreamOperator {
  readonly #matches: Matches
  readonly #updates: RightUpdates
  readonly #step: string
  readonly #value: Serde<unknown>

  constructor(matches: Matches, updates: RightUpdates, step: string, value: Serde<unknown>) {
    super()
    this.#matches = matches
    this.#updates = updates
    this.#step = step
    this.#value = value
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const { rights } = this.#matches
    const entry = rights.find(key)
    if (value === null && entry.value === undefined) return
    const row = value === null ? undefined : { at: timestamp, value: storedValue(this.#step, this.#value, value, key) }
    this.#updates.beforeChange(key)
    rights.set(entry, row)
    this.#updates.begin(key, timestamp)
  }
}

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MapState } from '../../task/testing/map-state.ts'
import { RowVersions } from './row-versions.ts'

const KEPT_MS = 8
const TIMES = 40

/** What happens: time moves, or a key gets a value from a time on. Some of what is old enough is forgotten at any moment. */
const event = fc.record({
  key: fc.constantFrom('a', 'b'),
  value: fc.option(fc.nat(99), { freq: 3 }),
  ahead: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(5) }),
  back: fc.nat(KEPT_MS),
  forgets: fc.boolean(),
})

interface Put {
  readonly key: string
  readonly value: number | null
  readonly at: number
}

/** The value of the last record of a key that is not later than a time; of those with equal times, of the one that came last. */
function asOf(puts: readonly Put[], key: string, at: number): number | null {
  const known = puts.filter((put) => put.key === key && put.at <= at)
  return (
    known.reduce<Put | undefined>((best, put) => (best === undefined || put.at >= best.at ? put : best), undefined)
      ?.value ?? null
  )
}

test('versions within the history are those of all records by their times, whatever is forgotten of the time before', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const state = new MapState([
        { name: 'rows', shape: { kind: 'key' } },
        { name: 'versions', shape: { kind: 'instant' } },
      ])
      const versions = state.instantStore('versions')
      const rows = new RowVersions(state.keyValueStore('rows'), versions)
      const puts: Put[] = []
      let now = KEPT_MS
      for (const { key, value, ahead, back, forgets } of events) {
        now = Math.min(TIMES, now + ahead)
        if (forgets) while (versions.expire(now - KEPT_MS));
        const at = now - back
        const latest = puts.reduce((last, put) => (put.key === key ? Math.max(last, put.at) : last), -1)
        const isLast = rows.put(rows.row(key), value, at)
        puts.push({ key, value, at })
        // Nothing is known any more of a deletion from before the history, and then any record is the last one.
        if (latest >= now - KEPT_MS || rows.row(key).value !== undefined) expect(isLast).toBe(at >= latest)
        for (const each of ['a', 'b']) {
          expect(rows.row(each).value ?? null).toBe(asOf(puts, each, TIMES))
          for (let time = now - KEPT_MS; time <= now; time++) expect(rows.asOf(each, time)).toBe(asOf(puts, each, time))
        }
      }
      while (versions.expire(Number.POSITIVE_INFINITY));
      expect(versions.firstTime(Number.NEGATIVE_INFINITY)).toBeUndefined()
    }),
  )
})

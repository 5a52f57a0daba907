import { countWindow, job, json, stream, string } from '@millrace/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs } from '../crash/extent.ts'
import { fulls, histories, judged, numbers, RUNS, runHistory, sentIn } from './window-runs.ts'

function countJob(size: number, regrouped: boolean) {
  const input = stream(numbers)
  const grouped = regrouped ? input.groupBy((_, key) => key, string()) : input.groupByKey()
  const lists = grouped.window(countWindow(size)).aggregate('lists', {
    init: (): readonly number[] => [],
    add: (total, value) => [...total, value],
    value: json(),
  })
  return job('hundreds', lists.to(fulls)).onError({ keyless: 'skip' })
}

const settings = fc.record({ history: histories, size: fc.constantFrom(1, 2, 7), regrouped: fc.boolean() })

test(
  'windows of so many records are those records in the order of their partition, or some order of several, whatever happens',
  async () => {
    await fc.assert(
      fc.asyncProperty(settings, async ({ history, size, regrouped }) => {
        const sent = sentIn(history, regrouped)
        const left = await runHistory(countJob(size, regrouped), history, sent)
        const { records } = judged(sent, regrouped)
        for (const key of new Set(records.map((record) => record.key))) {
          const own = records.filter((record) => record.key === key)
          const times = new Map(own.map(({ value, timestamp }) => [value, timestamp]))
          const found = left.fulls.filter((each) => each.key === key)
          expect(found).toHaveLength(Math.floor(own.length / size))
          for (const { value, timestamp } of found) {
            expect(value).toHaveLength(size)
            expect(timestamp).toBe(Math.max(...value.map((each) => times.get(each) ?? Number.NaN)))
          }
          const values = found.flatMap(({ value }) => value)
          expect(new Set(values).size).toBe(values.length)
          if (!regrouped || history.partitions === 1) {
            expect(values).toEqual(own.slice(0, values.length).map(({ value }) => value))
          }
        }
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)

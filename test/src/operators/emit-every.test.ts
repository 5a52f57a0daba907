import { hopping, job, json, type Sessions, sessions, stream, string, tumbling, type Windows } from '@millrace/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs } from '../crash/extent.ts'
import { changes, endOf, histories, judged, keyOf, numbers, RUNS, runHistory, sentIn } from './window-runs.ts'

/** Windows of each kind, with their grace. */
const kinds: readonly ((grace: number) => Sessions | Windows)[] = [
  (grace) => tumbling(50, { grace }),
  (grace) => hopping(60, { advance: 20, grace }),
  (grace) => sessions({ gap: 8, grace }),
]

function everyJob(windows: Sessions | Windows, every: number, regrouped: boolean) {
  const input = stream(numbers)
  const grouped = regrouped ? input.groupBy((_, key) => key, string()) : input.groupByKey()
  const sum = {
    init: () => 0,
    add: (total: number, value: number) => total + value,
    merge: (a: number, b: number) => a + b,
    value: json<number>(),
    emit: { every },
  }
  const rows =
    windows.kind === 'session'
      ? grouped.window(windows).aggregate('rows', sum)
      : grouped.window(windows).aggregate('rows', sum)
  const written = rows.changes().mapValues((total) => (total === null ? total : [total]), json<readonly number[]>())
  return job('every', rows, written.to(changes)).onError({ keyless: 'skip' })
}

const settings = fc.record({
  history: histories,
  kind: fc.constantFrom(...kinds),
  grace: fc.constantFrom(0, 10, 60),
  every: fc.constantFrom(1, 15, 200),
  regrouped: fc.boolean(),
})

test(
  'results that are emitted now and then end with those of the view, in time at every window that has closed',
  async () => {
    await fc.assert(
      fc.asyncProperty(settings, async ({ history, kind, grace, every, regrouped }) => {
        const sent = sentIn(history, regrouped)
        const left = await runHistory(everyJob(kind(grace), every, regrouped), history, sent)
        const { timeOf } = judged(sent, regrouped)
        const closed = ([row]: readonly [string, unknown]) => endOf(row) + grace <= timeOf(keyOf(row))
        const rows = [...(left.rows.get('rows') ?? [])].filter(closed)
        expect(new Map([...left.changed].filter(closed))).toEqual(new Map(rows.map(([row, total]) => [row, [total]])))
        for (const [row, times] of left.changeTimes) {
          // Each tick passes on a window once; within the grace, ticks have the last time of the window.
          const inside = times.filter((time) => time < endOf(row) - 1)
          expect(inside).toEqual([...new Set(inside)].sort((a, b) => a - b))
          expect(inside.filter((time) => (time + 1) % every !== 0 && time + 1 < endOf(row))).toEqual([])
          expect(times.filter((time) => time >= endOf(row))).toEqual([])
        }
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)

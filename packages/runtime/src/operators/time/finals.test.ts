import type { FixedWindows } from '@millrace/core/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CurrentRecord } from '../../task/current-record.ts'
import { CombinedTime } from '../../task/event-time.ts'
import { OutputFence } from '../../task/output-fence.ts'
import { windowedKey } from '../aggregates/window-results.ts'
import { TableOperator } from '../operator.ts'
import { MapWindowStore } from '../testing/map-window-store.ts'
import { Finals, whenClosed } from './finals.ts'

const WINDOWS: FixedWindows = { kind: 'tumbling', sizeMs: 10, advanceMs: 10, graceMs: 5, retentionMs: undefined }
/** All windows of the entries have closed by then. */
const WATERMARK = 200

type Entry = readonly [key: string, window: number]

class Emissions extends TableOperator {
  readonly all: { readonly id: string; readonly fenced: boolean }[] = []
  readonly #fence: OutputFence

  constructor(fence: OutputFence) {
    super()
    this.#fence = fence
  }

  change(windowed: unknown): void {
    const { key, window } = windowed as { key: string; window: { start: number } }
    this.all.push({ id: `${key} ${window.start}`, fenced: this.#fence.closed })
  }
}

/** Finals of a store with these entries, whose windows have all closed. */
function setUp(entries: readonly Entry[], emitted: readonly unknown[]) {
  const store = new MapWindowStore<unknown, unknown>(WINDOWS.sizeMs)
  for (const [key, window] of entries) store.set(store.find(key, window * WINDOWS.sizeMs), 1)
  const time = new CombinedTime('source', [{ watermark: WATERMARK, idle: false }], 1000)
  time.update()
  const finals = new Finals('counts', whenClosed(WINDOWS), time, store, windowedKey, new CurrentRecord())
  const fence = new OutputFence()
  finals.fence(fence, emitted)
  const next = new Emissions(fence)
  finals.next = next
  finals.resume(undefined)
  return { finals, emissions: next.all }
}

/** Emits so many results, or all. */
function emit({ finals, emissions }: ReturnType<typeof setUp>, count = Number.POSITIVE_INFINITY): void {
  while (emissions.length < count && finals.dueAt <= WATERMARK) finals.step()
}

const entries = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(9)), { minLength: 1, maxLength: 30 })

test('after a job was set back, exactly the results that it had emitted before are fenced, also within one window', () => {
  fc.assert(
    fc.property(entries, fc.nat(40), fc.nat(40), (stored, first, second) => {
      const saved = [first, second].map((count) => {
        const before = setUp(stored, [])
        emit(before, count)
        return { emitted: before.emissions.map(({ id }) => id), state: before.finals.save() }
      })
      const again = setUp(
        stored,
        saved.map(({ state }) => state),
      )
      emit(again)
      const fenced = new Set(saved.flatMap(({ emitted }) => emitted))
      expect(again.emissions.filter((each) => each.fenced).map(({ id }) => id)).toEqual(
        again.emissions.map(({ id }) => id).filter((id) => fenced.has(id)),
      )
      expect(new Set(again.emissions.map(({ id }) => id)).size).toBe(
        new Set(stored.map(([key, window]) => `${key} ${window}`)).size,
      )
    }),
  )
})

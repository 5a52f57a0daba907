import {
  int32,
  type ListState,
  listState,
  type MapState,
  mapState,
  stream,
  string,
  type ValueState,
  valueState,
} from '@millrace/core'
import { EVENTS } from './events.ts'

export const RECENT_MAX = 3
/** How long after an event the timer `quiet` is due, for each unit of the event's size. */
export const QUIET_MS = 5
/** How long after its event a reminder comes, by the wall clock. */
const REMIND_MS = 60
/** More events than a key gets while a clock is an hour back. */
const WAITING_MAX = 10_000

interface State {
  readonly last: ValueState<number>
  readonly recent: ListState<number>
  readonly kinds: MapState<string, number>
}

interface Emits {
  emit(text: string): void
}

/**
 * A step with everything that a step of the user's own can have: state of each kind, timers of both clocks, side outputs. The size of an
 * event says what is done with it. `watch-by-hand.ts` computes the same.
 */
export function watch(ttlMs: number) {
  const ttl = { ttl: ttlMs }
  return stream(EVENTS).process('watch', {
    value: string(),
    state: {
      last: valueState(int32(), ttl),
      recent: listState(int32(), { max: RECENT_MAX, ...ttl }),
      kinds: mapState(string(), int32(), ttl),
      total: valueState(int32()),
      waiting: listState(int32(), { max: WAITING_MAX }),
    },
    outputs: { noted: string(), reminded: string() },
    onRecord({ id, size, kind }, _key, { state, timers, timestamp, isLate, emit, outputs }) {
      emit(`${id}${isLate ? ' late' : ''} after ${described(state)}`)
      state.total.set((state.total.get() ?? 0) + 1)
      state.last.set(id)
      state.recent.add(id)
      if (size % 5 === 0) state.kinds.delete('0')
      else state.kinds.set(`${size % 3}`, id)
      if (size % 7 === 0) timers.quiet.cancel()
      else if (size % 2 === 0) timers.quiet.at(timestamp + QUIET_MS * size)
      if (size % 11 === 0) timers.past.at(timestamp - size)
      if (kind === 'a') outputs.noted.emit(`${id}`)
      if (kind === 'b') {
        state.waiting.add(id)
        timers.remind.wallAfter(REMIND_MS)
      }
    },
    onTombstone(_key, { state, emit }) {
      emit('deleted')
      state.kinds.clear()
    },
    timers: {
      quiet(_key, context) {
        fired('quiet', context)
        context.state.recent.clear()
        if (context.timestamp % 3 === 0) context.timers.again.after(9)
      },
      past: (_key, context) => fired('past', context),
      again(_key, context) {
        fired('again', context)
        context.state.last.delete()
      },
      remind(_key, { state, outputs }) {
        for (const id of state.waiting.values()) outputs.reminded.emit(`${id}`)
        state.waiting.clear()
      },
    },
  })
}

function fired(
  name: string,
  { state, isLate, emit }: Emits & { readonly isLate: boolean; readonly state: State },
): void {
  emit(`${name}${isLate ? ' late' : ''} with ${described(state)}`)
}

function described({ last, recent, kinds }: State): string {
  const map = [...kinds.entries()].map(([kind, id]) => `${kind}:${id}`)
  return `${last.get() ?? '-'} [${recent.values()}] {${map}}`
}

import { readTime, TIME_BYTES, writeTime } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import type { TimerTime } from '../dsl/process-options.ts'
import { describeValue } from './describe-value.ts'
import { int64 } from './numbers.ts'

/** When timers fire: those in event time first, each clock's in the order of their times. One byte, then 8. */
export const TIMER_TIME: Serde<TimerTime> = {
  name: 'timer',
  order: 'bytes',
  primitive: false,
  encode({ clock, at }, out) {
    out.reserve(1)
    out.buffer[out.position++] = clock === 'event' ? 0 : 1
    writeTime(out, at)
  },
  decode(bytes, start, end) {
    const clock = CLOCKS[bytes[start] ?? CLOCKS.length]
    if (clock === undefined || end - start !== 1 + TIME_BYTES) throw new Error('the bytes are not the time of a timer')
    return { clock, at: readTime(bytes, start + 1) }
  },
  toJson: ({ clock, at }) => ({ clock, at }),
  fromJson(json) {
    if (typeof json === 'object' && json !== null && 'clock' in json && 'at' in json) {
      const clock = CLOCKS.find((each) => each === json.clock)
      if (clock !== undefined) return { clock, at: int64().fromJson(json.at) }
    }
    throw new Error(`{ clock, at } is needed, not ${describeValue(json)}`)
  },
}

/** A timer that is set: for which time, and at which event time that was done, ms. Two times of 8 bytes. */
export interface SetTimer {
  readonly at: number
  readonly setAt: number
}

export const SET_TIMER: Serde<SetTimer> = {
  name: 'set-timer',
  order: 'none',
  primitive: false,
  encode({ at, setAt }, out) {
    writeTime(out, at)
    writeTime(out, setAt)
  },
  decode(bytes, start, end) {
    if (end - start !== 2 * TIME_BYTES) throw new Error('the bytes are not a timer')
    return { at: readTime(bytes, start), setAt: readTime(bytes, start + TIME_BYTES) }
  },
  toJson: ({ at, setAt }) => ({ at, setAt }),
  fromJson(json) {
    if (typeof json === 'object' && json !== null && 'at' in json && 'setAt' in json) {
      return { at: int64().fromJson(json.at), setAt: int64().fromJson(json.setAt) }
    }
    throw new Error(`{ at, setAt } is needed, not ${describeValue(json)}`)
  },
}

const CLOCKS = ['event', 'wall'] as const

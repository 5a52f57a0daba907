import type { Timer } from '@millrace/core'
import { EventQueue, type QueuedEvent } from './event-queue.ts'
import type { SeededRandom } from './seeded-random.ts'

/** What an event is: a timer, a turn, or the end of what the kernel was asked for. */
export type EventKind = 'timer' | 'turn' | 'sync' | 'lock' | 'watch'

/** Whose code an event runs. */
export interface EventOwner {
  readonly name: string
  readonly state: 'running' | 'paused' | 'crashed'
}

interface ScheduledEvent extends QueuedEvent {
  readonly kind: EventKind
  /** Undefined for what no process has a part in: the world's own. */
  readonly owner: EventOwner | undefined
  readonly run: () => void
  cancelled: boolean
}

/** Told of every event before it runs, by those who compare or print runs. */
export type EventListener = (atMs: number, kind: EventKind, owner: string) => void

/** Taken before anybody can put a faked one in its place. */
const realImmediate = setImmediate

/**
 * The machine's time, and all that is due in it. One event runs at a time, and the next one only after everything that
 * it set going (promises, ticks) has come to rest: the same seed gives the same order.
 */
export class Scheduler {
  readonly #queue = new EventQueue<ScheduledEvent>()
  readonly #random: SeededRandom
  /** Events that came due while their owner was paused. */
  readonly #parked = new Map<EventOwner, ScheduledEvent[]>()
  #nowMs = 0
  #sequence = 0
  #events = 0
  listener: EventListener | undefined

  constructor(random: SeededRandom) {
    this.#random = random
  }

  /** Virtual time since the start; never goes back. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** How many events have run. */
  get events(): number {
    return this.#events
  }

  /** Lets time pass for the work of who runs now. */
  spend(ms: number): void {
    this.#nowMs += ms
  }

  /** Queues an event. */
  after(delayMs: number, kind: EventKind, owner: EventOwner | undefined, run: () => void): Timer {
    const event: ScheduledEvent = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      tie: this.#random.bits(),
      sequence: this.#sequence++,
      kind,
      owner,
      run,
      cancelled: false,
    }
    this.#queue.push(event)
    return {
      cancel: () => {
        event.cancelled = true
      },
    }
  }

  /** What came due while the owner was paused is due now, in the order in which it came. */
  resumed(owner: EventOwner): void {
    for (const event of this.#parked.get(owner) ?? []) this.#queue.push(event)
    this.#parked.delete(owner)
  }

  /** Runs the next event, waits until all that it set going has come to rest; false where nothing is due. */
  async step(): Promise<boolean> {
    const event = this.#next()
    if (event === undefined) return false
    this.#nowMs = Math.max(this.#nowMs, event.atMs)
    this.#events++
    this.listener?.(this.#nowMs, event.kind, event.owner?.name ?? '')
    event.run()
    await this.rest()
    return true
  }

  /** When the next event is due; undefined where none is. */
  nextDueMs(): number | undefined {
    for (;;) {
      const event = this.#queue.peek()
      if (event === undefined) return undefined
      if (this.#isReady(event)) return event.atMs
      this.#queue.pop()
    }
  }

  /** Resolves when no promise and no tick is left to run. */
  rest(): Promise<void> {
    return new Promise((resolve) => {
      realImmediate(resolve)
    })
  }

  #next(): ScheduledEvent | undefined {
    for (;;) {
      const event = this.#queue.pop()
      if (event === undefined || this.#isReady(event)) return event
    }
  }

  /** Whether the event may run; one whose owner is paused is put aside. */
  #isReady(event: ScheduledEvent): boolean {
    if (event.cancelled || event.owner?.state === 'crashed') return false
    if (event.owner?.state !== 'paused') return true
    const parked = this.#parked.get(event.owner)
    if (parked === undefined) this.#parked.set(event.owner, [event])
    else parked.push(event)
    return false
  }
}

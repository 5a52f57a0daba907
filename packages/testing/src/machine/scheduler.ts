import type { Timer } from '@millrace/core'
import { EventQueue, type QueuedEvent } from './event-queue.ts'
import type { SeededRandom } from './seeded-random.ts'

/** The kind of an event: a timer, a turn, or the end of a call of the kernel. */
export type EventKind = 'timer' | 'turn' | 'sync' | 'lock' | 'watch'

/** The process whose code an event runs. */
export interface EventOwner {
  readonly name: string
  readonly state: 'running' | 'paused' | 'crashed'
}

interface ScheduledEvent extends QueuedEvent {
  readonly kind: EventKind
  /** Undefined for the world's own events, in which no process takes part. */
  readonly owner: EventOwner | undefined
  readonly run: () => void
  cancelled: boolean
}

/** Called for every event before it runs. Used to compare or print runs. */
export type EventListener = (atMs: number, kind: EventKind, owner: string) => void

/** Read before a test can replace it with a fake. */
const realImmediate = setImmediate

/**
 * The machine's time, and all events that are due in it. One event runs at a time. The next one runs only when everything that
 * it started (promises, ticks) has finished: the same seed gives the same order.
 */
export class Scheduler {
  readonly #queue = new EventQueue<ScheduledEvent>()
  readonly #random: SeededRandom
  /** Events that came due while their owner was paused. */
  readonly #postponed = new Map<EventOwner, ScheduledEvent[]>()
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

  /** Makes time pass for the work of the code that runs now. */
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

  /** Queues again what came due while the owner was paused, in the order in which it came. It is due now. */
  resumed(owner: EventOwner): void {
    for (const event of this.#postponed.get(owner) ?? []) this.#queue.push(event)
    this.#postponed.delete(owner)
  }

  /** Runs the next event, and waits until everything that it started has finished; false if no event is due. */
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

  /** When the next event is due; undefined if there is none. */
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

  /** Whether the event may run. An event whose owner is paused is kept for later. */
  #isReady(event: ScheduledEvent): boolean {
    if (event.cancelled || event.owner?.state === 'crashed') return false
    if (event.owner?.state !== 'paused') return true
    const postponed = this.#postponed.get(event.owner)
    if (postponed === undefined) this.#postponed.set(event.owner, [event])
    else postponed.push(event)
    return false
  }
}

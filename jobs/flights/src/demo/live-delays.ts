import type { MillraceClient } from '@millrace/client'
import { retry, type Subscription } from 'rxjs'
import type { Delay, plan } from '../plan.ts'

/** An airport's hour, as the view reports it. */
export interface AirportHour extends Delay {
  readonly airport: string
  readonly start: number
}

/** Follows the view of delays, and keeps each airport's newest hour. */
export class LiveDelays {
  readonly #newest = new Map<string, AirportHour>()
  #subscription: Subscription | undefined

  follow(client: MillraceClient, delays: ReturnType<typeof plan>['delays']): void {
    this.#subscription = client
      .view(delays)
      .changes()
      .pipe(retry({ count: 3, delay: 1000 }))
      .subscribe({
        next: (event) => {
          if (event.kind !== 'change' || event.entry.value === null) return
          const { key, window, value } = event.entry
          const known = this.#newest.get(key)
          if (known === undefined || known.start <= window.start) {
            this.#newest.set(key, { airport: key, start: window.start, ...value })
          }
        },
        // The picture is drawn without it.
        error: () => undefined,
      })
  }

  /** The airports with the most minutes of delay in the newest hour of all airports, and that hour. */
  top(count: number): { readonly hour: number | undefined; readonly airports: readonly AirportHour[] } {
    let hour: number | undefined
    for (const { start } of this.#newest.values()) hour = Math.max(hour ?? start, start)
    const airports = [...this.#newest.values()].filter(({ start }) => start === hour)
    return { hour, airports: airports.sort((a, b) => b.minutes - a.minutes).slice(0, count) }
  }

  stop(): void {
    this.#subscription?.unsubscribe()
  }
}

import type { ViewEvent, WindowedEntry } from '@millrace/client'
import { formatPosition, type Position, reaches } from '@millrace/core'
import { array, asyncProperty, assert as check, constantFrom, integer, record } from 'fast-check'
import { expect, test, vi } from 'vitest'
import { arrivals, type Delays, delays, type Flight, HOUR, run } from './views/running-job.ts'

const airports = ['ATL', 'BOS', 'DEN', 'JFK', 'ORD', 'SEA', 'SFO']

const someFlights = array(
  record({
    origin: constantFrom(...airports),
    destination: constantFrom(...airports),
    at: integer({ min: 0, max: 20 * HOUR }),
    delay: integer({ min: -20, max: 300 }),
  }),
  { minLength: 1, maxLength: 200 },
)

/** The rows that the view of delays must hold, computed without Millrace. */
function delaysOf(records: readonly Flight[]): Map<string, Delays> {
  const totals = new Map<string, Delays>()
  for (const { origin, at, delay } of records) {
    const name = `${origin} ${Math.floor(at / HOUR) * HOUR}`
    const { flights, minutes } = totals.get(name) ?? { flights: 0, minutes: 0 }
    totals.set(name, { flights: flights + 1, minutes: minutes + delay })
  }
  return totals
}

function arrivalsOf(records: readonly Flight[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { destination } of records) counts.set(destination, (counts.get(destination) ?? 0) + 1)
  return counts
}

function nameOf(entry: WindowedEntry<string, unknown>): string {
  return `${entry.key} ${entry.window.start}`
}

async function listed<E, V>(entries: AsyncIterable<E>, name: (entry: E) => string, value: (entry: E) => V) {
  const list: [string, V][] = []
  for await (const entry of entries) list.push([name(entry), value(entry)])
  return list
}

test('what was produced is read back exactly, once the position behind it is waited for', async () => {
  await using running = await run()
  const { client } = running
  const all: Flight[] = []
  await check(
    asyncProperty(someFlights, async (records) => {
      all.push(...records)
      const after = await running.produce(records)
      const found = await listed(client.view(delays).all({ after, limit: 10 }), nameOf, (entry) => entry.value)
      expect(new Map(found)).toEqual(delaysOf(all))
      const counts = await listed(
        client.view(arrivals).all({ after }),
        ({ key }) => key,
        ({ value }) => value,
      )
      expect(counts).toEqual([...arrivalsOf(all)].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      for (const airport of airports) {
        expect(await client.view(arrivals).get(airport, { after })).toBe(arrivalsOf(all).get(airport))
        const hours = await listed(
          client.view(delays).windows(airport, { after, limit: 3 }),
          nameOf,
          (entry) => entry.value,
        )
        expect(hours).toEqual([...delaysOf(all)].filter(([name]) => name.startsWith(airport)).toSorted(byHour))
      }
      const { position } = await client.view(arrivals).lookup('nowhere', { after })
      expect(reaches(position, after), `${formatPosition(position)} ≥ ${formatPosition(after)}`).toBe(true)
    }),
    { numRuns: 8 },
  )
})

function byHour([a]: [string, unknown], [b]: [string, unknown]): number {
  return Number(a.split(' ')[1]) - Number(b.split(' ')[1])
}

test('a copy that starts from the pages and follows the changes is right at every reported position', async () => {
  await using running = await run()
  const view = running.client.view(delays)
  const before: Flight[] = [{ origin: 'ATL', destination: 'BOS', at: 0, delay: 1 }]
  await running.produce(before)
  const copy = new Map<string, Delays>()
  const events: ViewEvent<WindowedEntry<string, Delays | null>>[] = []
  const later: Flight[] = Array.from({ length: 500 }, (_, index) => ({
    origin: airports[index % airports.length] ?? '',
    destination: 'BOS',
    at: (index % 9) * HOUR,
    delay: index,
  }))
  let target: Position | undefined
  const reached = new Promise<void>((resolve, reject) => {
    const subscription = view.changes().subscribe({
      async next(event) {
        events.push(event)
        if (event.kind === 'start') {
          for await (const entry of view.all()) copy.set(nameOf(entry), entry.value)
          target = await running.produce(later)
        } else if (event.entry.value !== null) copy.set(nameOf(event.entry), event.entry.value)
        if (target !== undefined && reaches(event.position, target)) {
          // The rest of the commit arrives in the same turn of the event loop.
          queueMicrotask(() => {
            subscription.unsubscribe()
            resolve()
          })
        }
      },
      error: reject,
    })
  })
  await reached
  expect(events[0]?.kind).toBe('start')
  expect(events.filter((event) => event.kind === 'start')).toHaveLength(1)
  expect(copy).toEqual(delaysOf([...before, ...later]))
})

test('what is processed and not yet committed is not reported', async () => {
  await using running = await run(60_000)
  await running.produce([{ origin: 'ATL', destination: 'BOS', at: 0, delay: 1 }])
  await vi.waitUntil(async () => {
    const { tasks } = await running.client.status()
    return tasks.some((task) => task.inputs.some(({ topic, offset }) => topic === 'flights' && offset > 0))
  })
  const { value, position } = await running.client.view(delays).lookup('ATL', 0)
  expect(value).toBeUndefined()
  expect(position).toEqual({ flights: { 0: 0, 1: 0, 2: 0 } })
})

test('a follower survives a restart of the server, and gets what it has missed', async () => {
  await using running = await run()
  const events: string[] = []
  const subscription = running.client
    .view(arrivals)
    .changes()
    .subscribe((event) => events.push(event.kind === 'start' ? 'start' : `${event.entry.key} ${event.entry.value}`))
  await vi.waitUntil(() => events.length === 1)
  await running.produce([{ origin: 'ATL', destination: 'BOS', at: 0, delay: 1 }])
  await vi.waitUntil(() => events.length === 2)
  await running.restartServer(async (other) => {
    const after = await running.produce([{ origin: 'ATL', destination: 'DEN', at: 0, delay: 1 }])
    await other.view(arrivals).get('DEN', { after })
  })
  await vi.waitUntil(() => events.length === 3)
  await running.produce([{ origin: 'ATL', destination: 'JFK', at: 0, delay: 1 }])
  await vi.waitUntil(() => events.length === 4)
  subscription.unsubscribe()
  expect(events).toEqual(['start', 'BOS 1', 'DEN 1', 'JFK 1'])
})

test('the status and the list of views describe the running job', async () => {
  await using running = await run()
  const after = await running.produce([{ origin: 'ATL', destination: 'BOS', at: 0, delay: 1 }])
  await running.client.view(arrivals).get('BOS', { after })
  const views = await running.client.views()
  expect(views.map(({ name, windowMs, parts }) => ({ name, windowMs, parts }))).toEqual([
    { name: 'delays', windowMs: HOUR, parts: [0, 1, 2] },
    { name: 'arrivals', windowMs: null, parts: [0, 1, 2] },
  ])
  expect(await running.client.status()).toMatchObject({ job: 'flight-delays', phase: 'running' })
})

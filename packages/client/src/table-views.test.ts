import { int32, json, stream, string, topic, tumbling } from '@millrace/core'
import { expect, expectTypeOf, test } from 'vitest'
import type { KeyedView } from './keyed-view.ts'
import { MillraceClient } from './millrace-client.ts'
import { ScriptedServer } from './testing/scripted-server.ts'
import type { WindowedView } from './windowed-view.ts'

interface Flight {
  readonly gate: number
  readonly delay: number
}

const flights = topic('flights', { key: string(), value: json<Flight>() })
const byGate = stream(flights).groupBy((flight) => flight.gate, int32())
const gates = byGate.count('gates')
const delays = stream(flights)
  .groupByKey()
  .window(tumbling('1h'))
  .aggregate('delays', {
    init: () => ({ minutes: 0 }),
    add: (total, { delay }) => ({ minutes: total.minutes + delay }),
  })

function client(server = new ScriptedServer()): MillraceClient {
  return new MillraceClient('http://127.0.0.1:4711', { fetch: server.fetch })
}

test("a table's view has the table's types", () => {
  expectTypeOf(client().view(gates)).toEqualTypeOf<KeyedView<number, number>>()
  expectTypeOf(client().view(delays)).toEqualTypeOf<WindowedView<string, { minutes: number }>>()
  expectTypeOf(client().view(delays).get).returns.resolves.toEqualTypeOf<{ minutes: number } | undefined>()
})

test('reading a view wrongly does not compile', () => {
  const wrong = async () => {
    // @ts-expect-error the key is a number
    await client().view(gates).get('1')
    // @ts-expect-error the window is missing
    await client().view(delays).get('ATL')
    // @ts-expect-error there is no window
    await client().view(gates).windows(1)
    // @ts-expect-error there is no such field
    return (await client().view(delays).get('ATL', 0))?.hours
  }
  expect(wrong).toBeTypeOf('function')
})

test("a table's view is read with the table's serdes, without a request for its description", async () => {
  const server = new ScriptedServer()
  server.answer('/views/gates/value', { key: 7, value: 3, position: '' })
  expect(await client(server).view(gates).get(7)).toBe(3)
  expect(server.requests.map((url) => `${url.pathname}${url.search}`)).toEqual(['/views/gates/value?key=7'])
})

test("a key that does not fit the table's serde is refused", async () => {
  const server = new ScriptedServer()
  server.answer('/views/gates/entries', { entries: [{ key: 'x', value: 3 }], next: null, position: '' })
  await expect(client(server).view(gates).range()).rejects.toMatchObject({ code: 'BAD_ANSWER' })
})

test('a table that is not kept has no view', () => {
  const busy = gates.filter((count) => count > 3)
  expect(() => client().view(busy)).toThrow(expect.objectContaining({ code: 'VIEW_MISSING' }))
})

test('a table by windowed keys, without windows, must be read by name', () => {
  const latest = delays.changes().toTable('latest')
  expect(() => client().view(latest)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
})

import { json, msgpack, type Position, type Serde, string } from '@millrace/core'
import { expect, test } from 'vitest'
import { MemoryView } from './testing/memory-view.ts'
import { queryProcess, serveParts } from './testing/several-processes.ts'
import { startStandIn } from './testing/stand-in-process.ts'

/** A view over partitions of `flights`, one for each part. */
function viewOver(positions: readonly Position[], value: Serde<unknown> = json()): MemoryView {
  return new MemoryView({ name: 'v', key: string(), value, positions })
}

const TWO_PARTS: readonly Position[] = [{ flights: { 0: 0 } }, { flights: { 1: 0 } }]
const TWO_PROCESSES = [[0], [1]] as const

test('processes that query each other at once never wait for memory that the other holds', async () => {
  const whole = viewOver(TWO_PARTS)
  for (const part of whole.parts) part.store.readMs = 5
  await using processes = await serveParts(whole, TWO_PROCESSES)
  // Three pages fill the budget of a process.
  const pending = processes.list.flatMap(({ url }) =>
    Array.from({ length: 6 }, () => queryProcess(`${url}/views/v/entries`)),
  )
  expect((await Promise.all(pending)).map(({ status }) => status)).toEqual(pending.map(() => 200))
})

test('queries that wait for a position in another process hold nothing that others need', async () => {
  const whole = viewOver(TWO_PARTS)
  await using processes = await serveParts(whole, TWO_PROCESSES)
  const [{ url } = { url: '' }] = processes.list
  const waiting = Array.from({ length: 8 }, () =>
    queryProcess(`${url}/views/v/entries?after=flights/1=9&timeout=20000`),
  )
  expect((await queryProcess(`${url}/views/v/entries`)).status).toBe(200)
  whole.commit(1, { flights: { 1: 9 } }, [])
  for (const { status, body } of await Promise.all(waiting)) expect({ status, ...body }).toMatchObject({ status: 200 })
})

test('a position that no view depends on is refused, whichever parts are here', async () => {
  await using processes = await serveParts(viewOver(TWO_PARTS), TWO_PROCESSES)
  for (const { url } of processes.list) {
    const { status, body } = await queryProcess(`${url}/views/v/entries?after=nosuch/0=1`)
    expect({ status, ...body }).toMatchObject({ status: 400, code: 'BAD_POSITION' })
    expect((await queryProcess(`${url}/views/v/entries?after=flights/1=0`)).status).toBe(200)
  }
})

test('an answer never reflects less than the position that was waited for, though a part has moved here meanwhile', async () => {
  const whole = viewOver([{ flights: { 0: 5 } }, { flights: { 1: 3 } }])
  await using processes = await serveParts(whole, [[0], []])
  const [here] = processes.list
  // The owner of the other part has reached the position, and the part then comes here as it was at an older commit.
  await using owner = await startStandIn((_, response) => {
    here?.here.push(1)
    response.end(JSON.stringify({ entries: [], next: null, position: 'flights/1=99', parts: [1] }))
  })
  here?.remoteOwners.splice(0, 1, { address: owner.address, partitions: [1] })
  const { status, body } = await queryProcess(`${here?.url}/views/v/entries?after=flights/1=99`)
  expect({ status, ...body }).toMatchObject({ status: 503, code: 'VIEW_INCOMPLETE' })
  expect(body['message']).toContain('does not reflect flights/1=99')
})

test('a value is the same JSON from every process, also if its serde does not accept that JSON', async () => {
  const whole = viewOver(TWO_PARTS, msgpack())
  whole.commit(1, { flights: { 1: 1 } }, [{ key: 'k', value: Number.NaN }])
  await using processes = await serveParts(whole, TWO_PROCESSES)
  const entries = [{ key: 'k', value: null }]
  for (const { url } of processes.list) {
    expect(await queryProcess(`${url}/views/v/entries`)).toMatchObject({ status: 200, body: { entries } })
    expect(await queryProcess(`${url}/views/v/value?key=k`)).toMatchObject({ status: 200, body: { value: null } })
  }
})

test('for a key that is in two parts, every process returns the same value', async () => {
  const whole = viewOver(TWO_PARTS)
  for (const part of [0, 1]) whole.commit(part, { flights: { [part]: 1 } }, [{ key: 'k', value: part }])
  await using processes = await serveParts(whole, TWO_PROCESSES)
  const values = await Promise.all(processes.list.map(({ url }) => queryProcess(`${url}/views/v/value?key=k`)))
  expect(values[0]?.body['value']).toBe(values[1]?.body['value'])
})

test('a position in a thousand partitions passes on to the other processes', async () => {
  const topic = 'flights-of-a-topic-name'
  const partitions = Object.fromEntries(Array.from({ length: 1000 }, (_, partition) => [partition, 7]))
  await using processes = await serveParts(viewOver([{ [topic]: partitions }, { [topic]: partitions }]), TWO_PROCESSES)
  const after = Object.keys(partitions)
    .map((partition) => `${topic}/${partition}=7`)
    .join(',')
  for (const { url } of processes.list) {
    const { status, body } = await queryProcess(`${url}/views/v/entries?after=${after}`)
    expect({ status, code: body['code'] }).toEqual({ status: 200, code: undefined })
  }
})

test('a permanent refusal of another process is reported as such, and not as missing parts', async () => {
  await using processes = await serveParts(viewOver(TWO_PARTS), [[0], []])
  const [here] = processes.list
  await using other = await startStandIn((_, response) => {
    response.writeHead(401).end(JSON.stringify({ code: 'TOKEN_REFUSED', message: 'no' }))
  })
  here?.remoteOwners.splice(0, 1, { address: other.address, partitions: [1] })
  const { status, body } = await queryProcess(`${here?.url}/views/v/entries`)
  expect({ status, ...body }).toMatchObject({ status: 500, code: 'QUERY_FAILED' })
  expect(body['message']).toContain('with the same token')
})

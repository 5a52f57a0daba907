import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json, string } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { PEER_MS } from './limits.ts'
import { HandTimers } from './testing/hand-timers.ts'
import { MemoryView } from './testing/memory-view.ts'
import { STATUS } from './testing/served.ts'
import { queryProcess, serveParts, TOKEN, viewOf } from './testing/several-processes.ts'
import { startStandIn } from './testing/stand-in-process.ts'
import { startViewServer } from './view-server.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const PARTS = 5
const HOUR = 3_600_000

function emptyView(windowMs?: number): MemoryView {
  const positions = Array.from({ length: PARTS }, (_, partition) => ({ flights: { [partition]: partition } }))
  return new MemoryView({
    name: 'v',
    key: string(),
    value: json(),
    positions,
    ...(windowMs !== undefined && { windowMs }),
  })
}

const keys = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é'), maxLength: 3 })
const entries = fc.uniqueArray(fc.tuple(keys, fc.nat(4), fc.nat(PARTS - 1)), {
  maxLength: 40,
  selector: ([key, hour]) => `${key} ${hour}`,
})
const placements = fc
  .array(fc.nat(2), { minLength: PARTS, maxLength: PARTS })
  .map((owners) => [0, 1, 2].map((process) => owners.flatMap((owner, part) => (owner === process ? [part] : []))))
const ranges = fc.record(
  {
    from: keys,
    to: keys,
    prefix: keys,
    windowFrom: fc.nat(5).map((hour) => hour * HOUR),
    windowTo: fc.nat(5).map((hour) => hour * HOUR),
    by: fc.constantFrom('key', 'time'),
    reverse: fc.constantFrom('true', 'false'),
    limit: fc.integer({ min: 1, max: 12 }),
  },
  { requiredKeys: [] },
)

describe('a view whose parts are in several processes', () => {
  test('is answered by each of them as by one that has it all, in every order, page by page', async () => {
    const property = fc.asyncProperty(entries, placements, ranges, fc.nat(2), async (all, placed, range, first) => {
      const whole = emptyView(HOUR)
      for (const [key, hour, part] of all) {
        const window = { start: hour * HOUR, end: (hour + 1) * HOUR }
        whole.commit(part, { flights: { [part]: 7 } }, [{ key, window, value: `${key}@${hour}` }])
      }
      await using processes = await serveParts(whole, placed)
      await using alone = await serveParts(whole, [whole.parts.map(({ partition }) => partition)])
      const started = processes.list
      const [model] = alone.list
      const parameters = Object.entries(range).map(([name, value]): [string, string] => [name, `${value}`])
      const unlimited = parameters.filter(([name]) => name !== 'limit')
      const expected = (await queryProcess(`${model?.url}/views/v/entries?${new URLSearchParams(unlimited)}`)).body
      const found: unknown[] = []
      let cursor: string | null = null
      let turn = first
      do {
        const query = new URLSearchParams([
          ...parameters,
          ...(cursor === null ? [] : [['cursor', cursor] as [string, string]]),
        ])
        // Each page by another process: a cursor is a place in the view, whichever process made it.
        const { status, body } = await queryProcess(`${started[turn++ % 3]?.url}/views/v/entries?${query}`)
        expect({ status, body }).toMatchObject({ status: 200 })
        expect(body['position']).toBe(expected['position'])
        found.push(...(body['entries'] as unknown[]))
        cursor = body['next'] as string | null
      } while (cursor !== null)
      expect(found).toEqual(expected['entries'])
      for (const [key, hour] of all.slice(0, 3)) {
        const query = new URLSearchParams({ key, window: `${hour * HOUR}` })
        const { body } = await queryProcess(`${started[first]?.url}/views/v/value?${query}`)
        expect(body).toMatchObject({ key, value: `${key}@${hour}` })
        const windows = new URLSearchParams({ key, reverse: 'true' })
        const answers = await Promise.all(
          [started[first], model].map((each) => queryProcess(`${each?.url}/views/v/windows?${windows}`)),
        )
        expect(answers[0]?.body['entries']).toEqual(answers[1]?.body['entries'])
      }
      const missing = await queryProcess(`${started[first]?.url}/views/v/value?key=none&window=0`)
      expect(missing).toMatchObject({ status: 404, body: { code: 'VALUE_MISSING', position: expected['position'] } })
    })
    await fc.assert(property, { numRuns: 25 })
  })

  test('waits in every process for the position that is requested', async () => {
    const whole = emptyView()
    await using processes = await serveParts(whole, [[0, 1], [2, 3, 4], []])
    const [here] = processes.list
    const waiting = queryProcess(`${here?.url}/views/v/value?key=k&after=flights/3=9&timeout=4000`)
    whole.commit(3, { flights: { 3: 9 } }, [{ key: 'k', value: 1 }])
    expect(await waiting).toMatchObject({ status: 200, body: { value: 1, position: 'flights/3=9' } })
    const late = await queryProcess(`${here?.url}/views/v/entries?after=flights/3=10&timeout=1`)
    expect(late).toMatchObject({ status: 504, body: { code: 'POSITION_NOT_REACHED' } })
    expect(late.body['position']).toContain('flights/3=9')
  })

  test('is incomplete while the owner of a part does not answer, has others by now, or is not known', async () => {
    await using processes = await serveParts(emptyView(), [[0, 1], [2, 3, 4], []])
    const [here, other, third] = processes.list
    const incomplete = async (reason: RegExp) => {
      const { status, body } = await queryProcess(`${here?.url}/views/v/entries`)
      expect({ status, ...body }).toMatchObject({ status: 503, code: 'VIEW_INCOMPLETE' })
      expect(body['message']).toMatch(reason)
    }
    expect((await queryProcess(`${here?.url}/views/v/entries`)).status).toBe(200)
    const known = here?.remoteOwners.splice(0) ?? []
    await incomplete(/Served now: 0, 1\. The others/)
    here?.remoteOwners.push(
      { address: other?.address ?? '', partitions: [2, 3] },
      { address: third?.address ?? '', partitions: [4] },
    )
    await incomplete(/now serves parts 2, 3, 4/)
    here?.remoteOwners.splice(0, 2, ...known)
    await other?.close()
    await incomplete(/which had parts 2, 3, 4 of view v, does not answer/)
  })

  test('is read on the socket of a process that has one, without the token', async () => {
    const seen: (string | undefined)[] = []
    const socket = join(directory, 'own.sock')
    await using peer = await startStandIn(({ headers }, response) => {
      seen.push(headers.authorization)
      response.end(JSON.stringify({ entries: [], next: null, position: '', parts: [1, 2, 3, 4] }))
    }, socket)
    const server = await startViewServer({
      job: STATUS.job,
      views: [viewOf(emptyView(), [0], [{ address: peer.address, partitions: [1, 2, 3, 4] }])],
      status: () => STATUS,
      env: nodeEnv(),
      token: TOKEN,
      socket: join(directory, 'its.sock'),
    })
    try {
      expect(server.address).toBe(`unix:${join(directory, 'its.sock')}`)
      expect((await queryProcess(`${server.url}/views/v/entries`)).status).toBe(200)
      expect(seen).toEqual([undefined])
    } finally {
      await server.close()
    }
  })

  test('is incomplete if the owner of a part never answers', async () => {
    await using silent = await startStandIn(() => undefined)
    const timers = new HandTimers()
    const whole = emptyView()
    const server = await startViewServer({
      job: STATUS.job,
      views: [viewOf(whole, [0], [{ address: silent.address, partitions: [1, 2, 3, 4] }])],
      status: () => STATUS,
      env: { ...nodeEnv(), timers },
      token: TOKEN,
    })
    try {
      const pending = new Promise((resolve) => silent.server.once('request', resolve))
      const answer = queryProcess(`${server.url}/views/v/entries`)
      await pending
      timers.advance(PEER_MS)
      expect(await answer).toMatchObject({ status: 503, body: { code: 'VIEW_INCOMPLETE' } })
    } finally {
      await server.close()
    }
  })
})

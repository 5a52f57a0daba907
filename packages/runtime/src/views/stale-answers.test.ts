import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { json, type Position, string } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { SOCKET_SCHEME } from '../http/socket-scheme.ts'
import type { RemoteOwner, ServedView } from './served-view.ts'
import { MemoryView } from './testing/memory-view.ts'
import { STATUS } from './testing/served.ts'
import { startStandIn } from './testing/stand-in-process.ts'
import { startViewServer } from './view-server.ts'

const HOUR = 3_600_000
const POSITIONS: readonly Position[] = [0, 1, 2].map((partition) => ({ flights: { [partition]: 0 } }))

/** The view as of some moment: each key `k<part>` has the moment as its value. */
function viewAt(moment: number, windowMs?: number): MemoryView {
  const view = new MemoryView({
    name: 'v',
    key: string(),
    value: json(),
    positions: POSITIONS,
    ...(windowMs !== undefined && { windowMs }),
  })
  for (const part of POSITIONS.keys()) {
    const window = windowMs === undefined ? {} : { window: { start: 0, end: windowMs } }
    view.commit(part, { flights: { [part]: moment } }, [{ key: `k${part}`, ...window, value: moment }])
  }
  return view
}

interface Placed {
  readonly parts: readonly number[]
  readonly standbys?: readonly number[]
  readonly owners?: readonly RemoteOwner[]
  readonly remoteStandbys?: readonly RemoteOwner[]
}

/** Serves parts of the view as of moment 9, and standbys of others as of moment 5. */
async function serve({ parts, standbys = [], owners = [], remoteStandbys = [] }: Placed, windowMs?: number) {
  const [now, then] = [viewAt(9, windowMs), viewAt(5, windowMs)]
  const view: ServedView = {
    ...now,
    name: 'v',
    parts: now.parts.filter(({ partition }) => parts.includes(partition)),
    remoteOwners: owners,
    standbys: then.parts.filter(({ partition }) => standbys.includes(partition)),
    remoteStandbys,
  }
  const options = { job: STATUS.job, views: [view], status: () => STATUS, env: nodeEnv(), token: null }
  const server = await startViewServer(options)
  onTestFinished(() => server.close())
  return server
}

async function query(url: string, path: string) {
  const response = await fetch(`${url}/views/v/${path}`)
  const body = (await response.json()) as Record<string, unknown>
  return { status: response.status, header: response.headers.get('millrace-stale'), body }
}

/** The address of a process that has died. */
/** Where no process listens. Another test may get the port of a server that was closed. */
function deadAddress(): string {
  return `${SOCKET_SCHEME}${tmpdir()}/millrace-gone-${randomUUID()}.sock`
}

test('a part whose process is dead is answered from a standby here, if the request allows that, and marked', async () => {
  const owners = [{ address: deadAddress(), partitions: [1, 2] }]
  const { url } = await serve({ parts: [0], standbys: [1, 2], owners })
  expect(await query(url, 'entries')).toMatchObject({ status: 503, header: null, body: { code: 'VIEW_INCOMPLETE' } })
  const { status, header, body } = await query(url, 'entries?stale=true')
  const entries = [
    { key: 'k0', value: 9 },
    { key: 'k1', value: 5 },
    { key: 'k2', value: 5 },
  ]
  expect({ status, header, body }).toEqual({
    status: 200,
    header: '1,2',
    body: { entries, next: null, position: 'flights/0=9,flights/1=5,flights/2=5', stale: [1, 2] },
  })
  expect(await query(url, 'value?key=k1&stale=true')).toMatchObject({
    status: 200,
    header: '1,2',
    body: { value: 5, stale: [1, 2] },
  })
  expect(await query(url, 'value?key=nosuch&stale=true')).toMatchObject({
    status: 404,
    header: '1,2',
    body: { code: 'VALUE_MISSING', stale: [1, 2] },
  })
})

test('a part whose process is dead is answered from standbys of other processes', async () => {
  const address = deadAddress()
  const second = await serve({ parts: [1], standbys: [0, 2] })
  const owners = [
    { address: second.address, partitions: [1] },
    { address, partitions: [2] },
  ]
  const remoteStandbys = [{ address: second.address, partitions: [0, 2] }]
  const { url } = await serve({ parts: [0], owners, remoteStandbys })
  expect((await query(url, 'entries')).status).toBe(503)
  const { header, body } = await query(url, 'entries?stale=true')
  const entries = [
    { key: 'k0', value: 9 },
    { key: 'k1', value: 9 },
    { key: 'k2', value: 5 },
  ]
  expect({ header, entries: body['entries'] }).toEqual({ header: '2', entries })
  expect((await query(url, 'value?key=k2&stale=true')).body['value']).toBe(5)
})

test('the windows of a key come from a standby', async () => {
  const owners = [{ address: deadAddress(), partitions: [1, 2] }]
  const { url } = await serve({ parts: [0], standbys: [1, 2], owners }, HOUR)
  const { header, body } = await query(url, 'windows?key=k1&stale=true')
  expect({ header, entries: body['entries'] }).toEqual({
    header: '1,2',
    entries: [{ key: 'k1', window: { start: 0, end: HOUR }, value: 5 }],
  })
})

test('a part that no process has is answered from a standby', async () => {
  const { url } = await serve({ parts: [0, 1], standbys: [2] })
  expect((await query(url, 'entries')).status).toBe(503)
  expect((await query(url, 'entries?stale=true')).body['stale']).toEqual([2])
})

test('an answer is not stale while the processes of all parts answer', async () => {
  const second = await serve({ parts: [1, 2], standbys: [0] })
  const { url } = await serve({
    parts: [0],
    standbys: [1, 2],
    owners: [{ address: second.address, partitions: [1, 2] }],
  })
  const { status, header, body } = await query(url, 'entries?stale=true')
  expect({ status, header, stale: body['stale'] }).toEqual({ status: 200, header: null, stale: undefined })
})

test('a part without a process and without a standby is missing, also in an answer that may be stale', async () => {
  const address = deadAddress()
  const { url } = await serve({
    parts: [0],
    standbys: [1],
    owners: [{ address, partitions: [1, 2] }],
    remoteStandbys: [{ address, partitions: [2] }],
  })
  expect(await query(url, 'entries?stale=true')).toMatchObject({ status: 503, body: { code: 'VIEW_INCOMPLETE' } })
})

test('a permanent refusal of another process is reported, and no standby answers instead', async () => {
  await using other = await startStandIn((_, response) => {
    response.writeHead(401).end(JSON.stringify({ code: 'TOKEN_REFUSED', message: 'no' }))
  })
  const owners = [{ address: other.address, partitions: [1, 2] }]
  const { url } = await serve({ parts: [0], standbys: [1, 2], owners })
  expect((await query(url, 'entries?stale=true')).body['code']).toBe('QUERY_FAILED')
})

test.each([
  ['stale=true&after=flights/0=1', 'cannot be used together with after'],
  ['stale=maybe', 'must be true or false'],
  ['parts=0,1', 'must be "here"'],
])('a request with %s is refused', async (parameters, message) => {
  const { url } = await serve({ parts: [0, 1, 2] })
  for (const path of [`entries?${parameters}`, `value?key=k1&${parameters}`]) {
    const { status, body } = await query(url, path)
    expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'BAD_REQUEST' })
    expect(body['message']).toContain(message)
  }
})

test('another process gets the parts that it lists, also from standbys, or none', async () => {
  const { url } = await serve({ parts: [0], standbys: [0, 1] })
  const answered = await query(url, 'entries?parts=1,0&stale=true')
  expect(answered).toMatchObject({ status: 200, header: '1', body: { parts: [0, 1], stale: [1] } })
  expect((await query(url, 'entries?parts=1,2&stale=true')).body['code']).toBe('VIEW_INCOMPLETE')
  expect((await query(url, 'changes?parts=1&stale=true')).status).toBe(400)
})

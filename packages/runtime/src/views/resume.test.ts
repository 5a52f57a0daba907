import { array, asyncProperty, assert as check, constant, constantFrom, integer, oneof, record } from 'fast-check'
import { expect, test, vi } from 'vitest'
import { RESUME_BYTES_MAX, RESUME_RECORDS_MAX } from './limits.ts'
import { type Followed, follow } from './testing/follow.ts'
import { RECORD_BYTES } from './testing/memory-history.ts'
import { type Served, serve } from './testing/served.ts'

/** What a follower has of the events so far. */
interface Had {
  readonly id: string
  readonly changes: readonly (readonly [string, unknown])[]
  readonly resets: readonly (string | undefined)[]
}

/** Reads events as a client does: what comes before an id counts once the id is there. */
function read(text: string): Had {
  let id = ''
  let open: (readonly [string, unknown])[] = []
  const changes: (readonly [string, unknown])[] = []
  const resets: (string | undefined)[] = []
  for (const event of text.split('\n\n').slice(0, -1)) {
    const [, kind, , given, data = '{}'] = /^event: (\w+)\n(id: (\S+)\n)?data: (.*)$/s.exec(event) ?? []
    const { key, value, reset } = JSON.parse(data)
    if (kind === 'position') resets.push(reset)
    if (kind === 'change') open.push([key, value])
    if (given === undefined) continue
    id = given
    changes.push(...open)
    open = []
  }
  return { id, changes, resets }
}

async function started(url: string): Promise<Followed> {
  const followed = await follow(url)
  await followed.until('\n\n')
  return followed
}

/** Follows, leaves at once, and returns the id. */
async function idOf(url: string): Promise<string> {
  const followed = await started(url)
  followed.stop()
  await followed.ended
  return read(followed.text()).id
}

function commit({ totals }: Served, part: number, ...changes: readonly (readonly [string, unknown])[]): void {
  const at = totals.parts[part]?.history.point.nextOffset ?? 0
  totals.commit(
    part,
    { flights: { [part]: at + 1 } },
    changes.map(([key, value]) => ({ key, value })),
  )
}

/** Commits so many changes, without the store of the view. */
function commitMany({ totals }: Served, count: number): void {
  totals.parts[0]?.history.commit(Array.from({ length: count }, (_, number) => ({ key: `k${number}`, value: number })))
}

async function resumed(url: string, id: string): Promise<Had & { readonly followed: Followed }> {
  const followed = await follow(url, id)
  await vi.waitUntil(() => /event: (reached|position)\n.*\n\n$/s.test(followed.text()), { interval: 1 })
  return { ...read(followed.text()), followed }
}

test('a follower that comes back gets what it has missed, once and in order, and then what is committed', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const first = await started(url)
  commit(served, 0, ['ATL', 1], ['BOS', 2])
  await first.until('"value":2}\n\n')
  first.stop()
  await first.ended
  commit(served, 0, ['ATL', 3])
  commit(served, 1, ['DEN', 4])
  commit(served, 0, ['ATL', null], ['BOS', 5])
  const { followed } = await resumed(url, read(first.text()).id)
  commit(served, 1, ['DEN', 6])
  await followed.until('"value":6}\n\n')
  expect(read(followed.text())).toMatchObject({
    changes: [
      ['ATL', 3],
      ['ATL', null],
      ['BOS', 5],
      ['DEN', 4],
      ['DEN', 6],
    ],
    resets: [],
  })
  expect(followed.text()).toContain('event: reached\nid: ')
})

test('the parameter has the same effect as the header, and the header of a browser that comes back again counts', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const before = await idOf(url)
  commit(served, 0, ['ATL', 1])
  const between = await idOf(url)
  commit(served, 0, ['ATL', 2])
  const parameter = await follow(`${url}?resume=${before}`)
  await parameter.until(
    '"value":2}\n\nevent: reached\nid: 1.id.0-4-t.1-0\ndata: {"position":"flights/0=3,flights/1=0"}\n\n',
  )
  expect(read(parameter.text()).changes).toHaveLength(2)
  expect((await resumed(`${url}?resume=${before}`, between)).changes).toEqual([['ATL', 2]])
})

test('a follower that has missed nothing gets nothing but the state that it has reached, and nothing is read', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  commit(served, 0, ['ATL', 1])
  const id = await idOf(url)
  const { followed, ...had } = await resumed(url, id)
  expect(had).toEqual({ id, changes: [], resets: [] })
  expect(served.totals.parts[0]?.history.read).toBe(0)
  commit(served, 0, ['ATL', 2])
  await followed.until('"value":2}\n\n')
})

test('followers of a key and of a prefix get what they have missed of these', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const id = await idOf(url)
  commit(served, 0, ['ATL', 1], ['AUS', 2], ['BOS', 3])
  expect((await resumed(`${url}?key=ATL`, id)).changes).toEqual([['ATL', 1]])
  expect((await resumed(`${url}?prefix=A`, id)).changes).toEqual([
    ['ATL', 1],
    ['AUS', 2],
  ])
  expect((await resumed(`${url}?key=DEN`, id)).changes).toEqual([])
})

test('what is committed while a follower gets what it has missed comes behind that', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const id = await idOf(url)
  commit(served, 0, ['ATL', 1])
  for (const { history } of served.totals.parts) history.holdBack()
  const followed = await follow(url, id)
  await vi.waitUntil(() => served.totals.followed)
  commit(served, 0, ['ATL', 2])
  expect(followed.text()).toBe('')
  for (const { history } of served.totals.parts) history.decide()
  await followed.until('"value":2}\n\n')
  expect(read(followed.text())).toMatchObject({
    changes: [
      ['ATL', 1],
      ['ATL', 2],
    ],
    resets: [],
  })
})

test('a follower gets signs of life while it waits, and begins again if what it has missed is not there after 5 s', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes?key=ATL`
  const id = await idOf(url)
  commit(served, 0, ['ATL', 1])
  for (const { history } of served.totals.parts) history.holdBack()
  served.timers.advance(14_000)
  const followed = await follow(url, id)
  await vi.waitUntil(() => served.totals.followed)
  commit(served, 0, ['ATL', 2])
  served.timers.advance(4_999)
  expect(followed.text()).toBe('')
  served.timers.advance(1)
  await followed.until('\n\n')
  expect(read(followed.text())).toMatchObject({ changes: [], resets: ['unavailable'] })
  commit(served, 0, ['ATL', 3])
  await followed.until('"value":3}\n\n')
})

test.each([
  [
    'another history',
    ({ totals }: Served) => {
      for (const { history } of totals.parts) history.identity = 'other'
    },
  ],
  [
    'other parts',
    ({ totals }: Served) => {
      totals.parts = totals.parts.slice(1)
    },
  ],
])('an id of %s is not resumed', async (_, change) => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes?parts=here`
  const id = await idOf(url)
  change(served)
  expect(await resumed(url, id)).toMatchObject({ changes: [], resets: ['unknown'] })
})

test.each(['flights/0=5', '1.id.0-2-f', '1.id.0-2-g.1-0', '1.id.0-1-7.1-0', '1.id.0-zz-1.1-0'])(
  'the id %s, which the view never had, is not resumed',
  async (id) => {
    await using served = await serve()
    commit(served, 0, ['ATL', 1])
    commit(served, 0, ['ATL', 2])
    const had = await resumed(`${served.url}/views/totals/changes`, id)
    expect(had).toMatchObject({ changes: [], resets: ['unknown'] })
    commit(served, 0, ['ATL', 3])
    await had.followed.until('"value":3}\n\n')
  },
)

test('a follower that has missed changes which compaction has removed begins again', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const id = await idOf(url)
  commit(served, 0, ['ATL', 1])
  const between = await idOf(url)
  commit(served, 0, ['ATL', 2])
  const [part] = served.totals.parts
  part?.history.compact(0)
  expect(await resumed(url, id)).toMatchObject({ changes: [], resets: ['compacted'] })
  // Its commit is not the one that it was.
  expect(await resumed(url, between)).toMatchObject({ changes: [], resets: ['unknown'] })
})

test('a follower that is more bytes behind than are read begins again, and the next one as far behind at once', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes?key=none`
  const far = await idOf(url)
  const size = RESUME_BYTES_MAX / RECORD_BYTES / 2
  commitMany(served, size)
  const near = await idOf(url)
  commitMany(served, size)
  expect(await resumed(url, far)).toMatchObject({ changes: [], resets: ['behind'] })
  const history = served.totals.parts[0]?.history
  const { read: before = 0 } = history ?? {}
  expect(before).toBeGreaterThan(size)
  expect(await resumed(url, far)).toMatchObject({ resets: ['behind'] })
  expect(history?.read).toBe(before)
  expect(await resumed(url, near)).toMatchObject({ changes: [], resets: [] })
})

test('a follower that is more records behind than are read begins again without a read', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const id = await idOf(url)
  commitMany(served, RESUME_RECORDS_MAX)
  expect(await resumed(url, id)).toMatchObject({ changes: [], resets: ['behind'] })
  expect(served.totals.parts[0]?.history.read).toBe(0)
})

test('what was missed is read in slices, between which other work is done', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const id = await idOf(url)
  commitMany(served, RESUME_BYTES_MAX / RECORD_BYTES - 1)
  const turns = vi.spyOn(served.timers, 'turn')
  await resumed(`${url}?key=none`, id)
  // Of a millisecond each, but for what is done once.
  expect(turns.mock.calls.length).toBeGreaterThan(10)
})

test('a follower that has missed more than may wait for it begins again', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const id = await idOf(url)
  for (let number = 0; number < 10; number++) commit(served, 0, ['ATL', 'x'.repeat(1000)], ['BOS', 1])
  expect(await resumed(`${url}?key=ATL`, id)).toMatchObject({ changes: [], resets: ['behind'] })
  expect((await resumed(`${url}?key=BOS`, id)).changes).toHaveLength(10)
  expect((await resumed(url, id)).changes).toHaveLength(20)
})

test('followers that come back together cause two reads of the history at most', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const id = await idOf(url)
  const records = 1000
  const history = served.totals.parts[0]?.history
  history?.holdBack()
  commit(served, 0, ...Array.from({ length: records - 1 }, (_, number) => [`k${number}`, number] as const))
  const all = await Promise.all(Array.from({ length: 300 }, (_, number) => follow(`${url}?key=k${number}`, id)))
  history?.decide()
  for (const [number, followed] of all.entries()) {
    await followed.until('"}\n\n')
    const { changes, resets } = read(followed.text())
    expect([changes, resets]).toEqual([[[`k${number}`, number]], []])
    followed.stop()
  }
  expect(history?.read).toBeLessThanOrEqual(2 * records)
})

test('a follower that leaves before it has got what it has missed leaves nothing behind', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const id = await idOf(url)
  commit(served, 0, ['ATL', 1])
  for (const { history } of served.totals.parts) history.holdBack()
  const followed = await follow(url, id)
  await vi.waitUntil(() => served.totals.followed)
  followed.stop()
  await vi.waitUntil(() => !served.totals.followed)
  for (const { history } of served.totals.parts) history.decide()
  await vi.waitUntil(() => served.timers.waiting === 0)
})

const steps = array(
  oneof(
    record({
      what: constant('commit' as const),
      part: integer({ min: 0, max: 1 }),
      keys: array(constantFrom('A1', 'A2', 'B1'), { minLength: 1, maxLength: 3 }),
    }),
    record({ what: constantFrom('leave' as const, 'come back' as const), part: constant(0), keys: constant([]) }),
  ),
  { maxLength: 30 },
)

test('whenever a follower leaves and comes back, it has had every change of its keys once, in the order of each part', async () => {
  await check(
    asyncProperty(steps, constantFrom('', 'key=A1', 'prefix=A'), async (all, filter) => {
      await using served = await serve()
      const url = `${served.url}/views/totals/changes?${filter}`
      const wants = (key: string) => filter === '' || key === 'A1' || (key === 'A2' && filter === 'prefix=A')
      const expected: [string[], string[]] = [[], []]
      const had: (readonly [string, unknown])[] = []
      let now: Followed | undefined = await started(url)
      let { id } = read(now.text())
      let value = 0
      const comeBack = async () => {
        if (now === undefined) now = (await resumed(url, id)).followed
      }
      const leave = async () => {
        now?.stop()
        await now?.ended
        const seen = read(now?.text() ?? '')
        now = undefined
        had.push(...seen.changes)
        if (seen.id !== '') ({ id } = seen)
      }
      for (const step of all) {
        if (step.what === 'leave') await leave()
        else if (step.what === 'come back') await comeBack()
        else {
          const changes = [...new Set(step.keys)].map((key) => [`${key}`, ++value] as const)
          commit(served, step.part, ...changes)
          for (const [key, each] of changes) if (wants(key)) expected[step.part]?.push(`${key}=${each}`)
        }
      }
      await leave()
      await comeBack()
      await leave()
      const texts = had.map(([key, each]) => `${key}=${each}`)
      for (const part of expected) expect(texts.filter((text) => part.includes(text))).toEqual(part)
      expect(texts).toHaveLength(expected.flat().length)
    }),
    { numRuns: 40 },
  )
}, 60_000)

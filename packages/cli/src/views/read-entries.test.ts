import { MillraceClient } from '@millrace/client'
import { expect, test } from 'vitest'
import type { FoundEntry } from './found-entry.ts'
import { readEntries, readKey } from './read-entries.ts'
import type { FoundView } from './view-source.ts'

const PARTS = 4
const ALL = {
  key: undefined,
  from: undefined,
  to: undefined,
  prefix: undefined,
  windowFrom: undefined,
  windowTo: undefined,
  reverse: false,
}
const KEYS = ['a', 'b', 'é', 'z', '\u{ffff}', '𝄞', 'a1', 'b2', '']

/** The part of a key: spread without meaning. */
const partOf = (key: string) => Buffer.byteLength(key) % PARTS
const inOrder = (keys: readonly string[]) => keys.toSorted((a, b) => Buffer.from(a).compare(Buffer.from(b)))

/** A process that serves some parts of the view `sums`, in pages of one entry; `moved` is what it serves from the second page on. */
function process(parts: readonly number[], moved = parts) {
  const view = { name: 'sums', key: 'string', value: 'json', windowMs: null, partitions: PARTS, parts, position: '' }
  const asked: string[] = []
  const answer = (url: URL): Response => {
    asked.push(url.pathname)
    if (url.pathname === '/views') return Response.json({ views: [view] })
    const key = url.searchParams.get('key')
    if (key !== null) {
      if (KEYS.includes(key) && parts.includes(partOf(key)))
        return Response.json({ key, value: key.length, position: '' })
      const code = parts.length === PARTS ? 'VALUE_MISSING' : 'VIEW_INCOMPLETE'
      return Response.json({ code, message: code, position: '' }, { status: parts.length === PARTS ? 404 : 503 })
    }
    if (parts.length < PARTS) expect(url.searchParams.get('parts')).toBe('here')
    const inParts = inOrder(KEYS.filter((each) => parts.includes(partOf(each))))
    const own = url.searchParams.get('reverse') === 'true' ? inParts.toReversed() : inParts
    const at = Number(url.searchParams.get('cursor') ?? 0)
    const next = at + 1 < own.length ? `${at + 1}` : null
    const entries = own.slice(at, at + 1).map((each) => ({ key: each, value: each.length }))
    return Response.json({ entries, next, position: '', parts: at === 0 ? parts : moved })
  }
  const client = new MillraceClient('http://localhost', { fetch: async (input) => answer(new URL(String(input))) })
  return { client, parts, asked }
}

function found(...sources: ReturnType<typeof process>[]): FoundView {
  const view = {
    name: 'sums',
    key: 'string',
    value: 'json',
    windowMs: null,
    partitions: PARTS,
    parts: [],
    position: {},
  }
  const missing = [0, 1, 2, 3].filter((part) => !sources.some(({ parts }) => parts.includes(part)))
  return { view, sources, missing, close: async () => {} }
}

async function keysOf(entries: AsyncIterable<FoundEntry>): Promise<unknown[]> {
  const keys: unknown[] = []
  for await (const { key } of entries) keys.push(key)
  return keys
}

test('a range over several processes comes in the order of the view, each entry once', async () => {
  const view = found(process([0, 2]), process([1]), process([3]))
  expect(await keysOf(readEntries(view, ALL, {}))).toEqual(inOrder(KEYS))
  expect(await keysOf(readEntries(view, { ...ALL, reverse: true }, {}))).toEqual(inOrder(KEYS).toReversed())
})

test('a key is found in whichever process has it, and is missing only if every part was asked', async () => {
  const view = found(process([0, 2]), process([1, 3]))
  for (const key of KEYS) expect(await readKey(view, key, {})).toEqual({ key, value: key.length })
  expect(await readKey(view, 'nowhere', {})).toBeUndefined()
})

test('parts that no process serves are named, and a key in another part is found all the same', async () => {
  const view = found(process([0]), process([1]))
  const missing = { code: 'VIEW_INCOMPLETE', message: expect.stringContaining('parts 2, 3') }
  expect(() => readEntries(view, ALL, {})).toThrowError(expect.objectContaining(missing))
  await expect(readKey(view, 'é', {})).rejects.toMatchObject(missing)
  expect(await readKey(view, 'a', {})).toEqual({ key: 'a', value: 1 })
})

test('parts that move while they are read are an error, not a gap', async () => {
  const view = found(process([0, 2]), process([1, 3], [3]))
  await expect(keysOf(readEntries(view, ALL, {}))).rejects.toMatchObject({
    code: 'VIEW_INCOMPLETE',
    message: expect.stringContaining('moved'),
  })
})

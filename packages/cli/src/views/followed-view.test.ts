import { MillraceClient } from '@millrace/client'
import { lastValueFrom, take, toArray } from 'rxjs'
import { expect, test } from 'vitest'
import { changesOf, chooseProcesses, type ServingProcess } from './followed-view.ts'

const PARTS = 4

/** A process that reports that it serves some parts. Its stream of changes starts with the parts that it has by then. */
function process(
  name: string,
  parts: readonly number[],
  moved = parts,
): ServingProcess & { readonly requests: string[] } {
  const requests: string[] = []
  const view = {
    name: 'sums',
    key: 'string',
    value: 'json',
    shape: 'key',
    windowMs: null,
    partitions: PARTS,
    parts,
    position: {},
  }
  const client = new MillraceClient('http://localhost', {
    fetch: async (input) => {
      const url = new URL(String(input))
      if (url.pathname === '/views') return Response.json({ views: [{ ...view, position: '' }] })
      requests.push(url.search)
      const start = JSON.stringify({ position: 'numbers/0=1', parts: moved })
      const change = JSON.stringify({ position: 'numbers/0=2', key: name, value: 1 })
      return new Response(
        `event: position\nid: id-1\ndata: ${start}\n\n` + `event: change\nid: id-2\ndata: ${change}\n\n`,
        { headers: { 'content-type': 'text/event-stream' } },
      )
    },
  })
  return { client, view, requests }
}

test('one process that has the whole view is followed alone, with the whole of it', async () => {
  const whole = process('whole', [0, 1, 2, 3])
  const followed = chooseProcesses([process('none', []), process('one', [0]), whole])
  expect(followed.processes).toEqual([whole])
  const first = await lastValueFrom(changesOf(followed).pipe(take(1)))
  expect(first.kind).toBe('start')
  expect(whole.requests.every((query) => !query.includes('parts'))).toBe(true)
})

test('the changes of every process that has some part of the view come together', async () => {
  const [first, second] = [process('a', [0, 2]), process('b', [1, 3])]
  const followed = chooseProcesses([first, process('none', []), second])
  expect(followed.processes).toEqual([first, second])
  const events = await lastValueFrom(changesOf(followed).pipe(take(4), toArray()))
  const keys = events.flatMap((event) => (event.kind === 'change' ? [event.entry.key] : []))
  expect(keys.sort()).toEqual(['a', 'b'])
  expect([...first.requests, ...second.requests].every((query) => query.includes('parts=here'))).toBe(true)
})

test('parts that no process serves are named', () => {
  const found = [process('a', [0]), process('b', [2])] as const
  const message = expect.stringContaining('serves parts 1, 3')
  expect(() => chooseProcesses(found)).toThrowError(expect.objectContaining({ code: 'VIEW_INCOMPLETE', message }))
})

test('parts that move between the choice and the stream are an error, not changes seen twice or never', async () => {
  const followed = chooseProcesses([process('a', [0, 2]), process('b', [1, 3], [1])])
  await expect(lastValueFrom(changesOf(followed))).rejects.toMatchObject({
    code: 'VIEW_INCOMPLETE',
    message: expect.stringContaining('moved'),
  })
})

import { readFileSync } from 'node:fs'
import { json, string } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { getJson } from '../http/testing/http.ts'
import { MemoryView } from './testing/memory-view.ts'
import { HOUR, STATUS } from './testing/served.ts'
import { startViewServer } from './view-server.ts'

const REFERENCE = new URL('../../../../docs/reference/http.md', import.meta.url)

/** An example: a request, a blank line, the status, the body. */
const EXAMPLE = /```http\nGET (\S+)\n\n(\d{3})\n([\s\S]*?)```/g

/** The examples of a node are tested with a node. */
const [text = ''] = readFileSync(REFERENCE, 'utf8').split('\n# The HTTP API of a node\n')

const examples = [...text.matchAll(EXAMPLE)].map(([, path, status, body]) => ({
  path,
  status: Number(status),
  body: JSON.parse(body ?? ''),
}))

/** The data that the reference uses. */
function views(): MemoryView[] {
  const positions = [{ flights: { 0: 0 } }, { flights: { 1: 0 } }]
  const delays = new MemoryView({ name: 'delays', key: string(), value: json(), windowMs: HOUR, positions })
  const totals = new MemoryView({ name: 'totals', key: string(), value: json(), positions })
  const hour = (start: number) => ({ start, end: start + HOUR })
  delays.commit(0, { flights: { 0: 120 } }, [
    { key: 'ATL', window: hour(978336000000), value: { flights: 3, minutes: 52 } },
    { key: 'ATL', window: hour(978339600000), value: { flights: 4, minutes: 79 } },
  ])
  delays.commit(1, { flights: { 1: 98 } }, [])
  totals.commit(0, { flights: { 0: 120 } }, [
    { key: 'ATL', value: { flights: 7, minutes: 131 } },
    { key: 'BWI', value: { flights: 1, minutes: 18 } },
  ])
  totals.commit(1, { flights: { 1: 98 } }, [{ key: 'BOS', value: { flights: 2, minutes: 31 } }])
  return [delays, totals]
}

test.each(examples)('the reference reports what $path answers', async ({ path, status, body }) => {
  const options = { job: STATUS.job, views: views(), status: () => STATUS, env: nodeEnv(), token: null }
  const server = await startViewServer(options)
  try {
    const answer = await getJson(`${server.url}${path}`)
    expect(answer.body).toEqual(body)
    expect(answer.status).toBe(status)
  } finally {
    await server.close()
  }
})

test('the reference has examples', () => {
  expect(examples.length).toBeGreaterThan(7)
})

import { expect, test } from 'vitest'
import { NodeClient } from './node-client.ts'

/** A client whose node answers each request with this text. */
function clientOf(body: string, status = 200): NodeClient {
  const answer: typeof fetch = async () => new Response(body, { status })
  return new NodeClient('http://node', { fetch: answer })
}

const REPORT = { job: 'orders', phase: 'running', containers: [] }

test('a change resolves with the job after its steps, however the lines are cut', async () => {
  const text = [{ step: 'Starts container 1 of 1' }, { step: 'Zürich' }, { job: REPORT }]
    .map((line) => JSON.stringify(line))
    .join('\n')
  const bytes = new TextEncoder().encode(text)
  for (const size of [1, 7, bytes.length]) {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size))
        controller.close()
      },
    })
    const steps: string[] = []
    const answer: typeof fetch = async () => new Response(stream)
    const node = new NodeClient('http://node', { fetch: answer })
    expect(await node.restart('orders', { onStep: (step) => steps.push(step) })).toEqual(REPORT)
    expect(steps).toEqual(['Starts container 1 of 1', 'Zürich'])
  }
})

test('an error after the first steps rejects with its code', async () => {
  const node = clientOf('{"step":"one"}\n{"error":{"code":"DEPLOY_FAILED","message":"crashed"}}\n')
  await expect(node.deploy('f00')).rejects.toMatchObject({ code: 'DEPLOY_FAILED', message: 'crashed' })
})

test.each([
  ['a line that is not JSON', '{"step":'],
  ['an answer that ends too early', '{"step":"one"}\n'],
  ['an unknown code', '{"error":{"code":"NEW_CODE","message":"m"}}'],
  ['a job without containers', '{"job":{"job":"orders","phase":"running"}}'],
  ['a line that is not an object', '7'],
])('a change with %s rejects with BAD_ANSWER', async (_what, body) => {
  await expect(clientOf(body).stop('orders')).rejects.toMatchObject({ code: 'BAD_ANSWER' })
})

test.each([
  ['jobs', (node: NodeClient) => node.jobs(), '{}'],
  ['jobs', (node: NodeClient) => node.jobs(), '{"jobs":[1]}'],
  ['job', (node: NodeClient) => node.job('orders'), '{"job":1}'],
  ['history', (node: NodeClient) => node.history('orders'), '{}'],
  ['about', (node: NodeClient) => node.about(), '{}'],
  ['savepoints', (node: NodeClient) => node.savepoints('orders'), '{"savepoints":[1]}'],
  ['savepoint', (node: NodeClient) => node.savepoint('orders'), '{"savepoint":{}}'],
  ['upload', (node: NodeClient) => node.upload('{}'), '{}'],
  ['upload', (node: NodeClient) => node.upload('{}'), 'no JSON'],
])('%s rejects with BAD_ANSWER for an answer of another server', async (_what, call, body) => {
  await expect(call(clientOf(body))).rejects.toMatchObject({ code: 'BAD_ANSWER' })
})

test('a long history is read in pages of a thousand changes, from the end', async () => {
  const paths: string[] = []
  const answer: typeof fetch = async (url) => {
    paths.push(String(url))
    const before = [2000, 1000, null][paths.length - 1]
    return new Response(JSON.stringify({ history: Array(1000).fill({ page: paths.length }), before }))
  }
  const node = new NodeClient('http://node', { fetch: answer })
  const events: readonly unknown[] = await node.history('orders', { limit: 2500 })
  expect(paths.map((path) => path.replace('http://node/jobs/orders/history', ''))).toEqual([
    '?limit=1000',
    '?limit=1000&before=2000',
    '?limit=500&before=1000',
  ])
  expect([events[0], events.at(-1)]).toEqual([{ page: 3 }, { page: 1 }])
})

test('reads the pages of a history up to the first page', async () => {
  const answer: typeof fetch = async () => new Response('{"history":[{}],"before":null}')
  expect(await new NodeClient('http://node', { fetch: answer }).history('orders')).toEqual([{}])
})

test('a name with special characters is escaped, and the views of a job are below its path', async () => {
  const paths: string[] = []
  const answer: typeof fetch = async (url) => {
    paths.push(String(url))
    return new Response('{"job":"a b","views":[]}')
  }
  const node = new NodeClient('http://node/', { fetch: answer })
  await node.views('a b').views()
  await node.job('../x').catch(() => undefined)
  expect(paths).toEqual(['http://node/jobs/a%20b/views', 'http://node/jobs/..%2Fx'])
})

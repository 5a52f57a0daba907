import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { runCommand } from '../testing/run-command.ts'

const VIEW = { name: 'sums', key: 'string', value: 'json', shape: 'key', windowMs: null, partitions: 3, parts: [0] }

/** A process whose answers about the view `sums` have these fields, and the requests that it got. */
async function serve(fields: Readonly<Record<string, unknown>>) {
  const requests: URL[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost')
    const answer = url.pathname === '/views' ? { views: [{ ...VIEW, position: '' }] } : { position: '', ...fields }
    if (url.pathname !== '/views') requests.push(url)
    response.writeHead('code' in fields && url.pathname !== '/views' ? 404 : 200).end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, requests }
}

test('a query that may be stale reports the parts that standbys have answered', async () => {
  const { url, requests } = await serve({ entries: [{ key: 'k', value: 1 }], next: null, stale: [2, 0] })
  const { code, stdout, stderr } = await runCommand(['query', 'sums', '--stale', '--json', '--url', url])
  expect({ code, stdout: stdout.toString() }).toEqual({ code: 0, stdout: '{"key":"k","value":1}\n' })
  expect(stderr).toBe('Standbys have answered for parts 0, 2 of view sums, whose process is away. They may be behind\n')
  expect(requests.map(({ searchParams }) => searchParams.get('stale'))).toEqual(['true'])
})

test('a query that may be stale reports that also if a standby has no value for the key', async () => {
  const { url } = await serve({ code: 'VALUE_MISSING', message: 'nothing', stale: [1] })
  const { code, stderr } = await runCommand(['query', 'sums', 'k', '--stale', '--url', url])
  expect(code).toBe(4)
  expect(stderr).toContain('Standbys have answered for part 1 of view sums')
})

test('a query that is not stale reports nothing, and does not allow standbys without the option', async () => {
  const { url, requests } = await serve({ key: 'k', value: 1 })
  for (const options of [[], ['--stale']]) {
    expect(await runCommand(['query', 'sums', 'k', ...options, '--url', url])).toMatchObject({ code: 0, stderr: '' })
  }
  expect(requests.map(({ searchParams }) => searchParams.get('stale'))).toEqual([null, 'true'])
})

import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Artefact, encodeArtefact } from '@millrace/runtime'
import { expect, test } from 'vitest'
import { ADMIN, countsArtefact, head, READ, servedNode, statusAndCode } from './served-node.ts'

const CLOSE = 'Connection: close'
const JSON_TYPE = 'Content-Type: application/json'

/** A POST with a body, as bytes. */
function post(path: string, body: string, ...headers: readonly string[]): string {
  return `${head(`POST ${path}`, CLOSE, `Content-Length: ${Buffer.byteLength(body)}`, ...headers)}${body}`
}

test.each([
  ['/jobs/counts/views', 200, '/views'],
  ['/jobs/%63ounts/views', 200, '/views'],
  ['/jobs/counts/views/a%2Fb/value?key=%2F..%2F', 200, '/views/a%2Fb/value?key=%2F..%2F'],
  ['/jobs/counts/views/x/value?key=%0d%0aHost:%20evil', 200, '/views/x/value?key=%0d%0aHost:%20evil'],
  ['/jobs/counts/views/x/value?key=../../status', 200, '/views/x/value?key=../../status'],
  ['/jobs/counts/views/http:%2F%2Fevil.example/value', 200, '/views/http:%2F%2Fevil.example/value'],
  ['/jobs/counts/views/../../..', 400, undefined],
  ['/jobs/counts/views/../status', 400, undefined],
  ['/jobs/counts/views/%2e%2e/status', 400, undefined],
  ['/jobs/counts/views/x/..', 400, undefined],
  ['/jobs/counts/views\\..\\status', 400, undefined],
  ['/jobs/counts/views#/status', 400, undefined],
  ['http://localhost/jobs/counts/views', 400, undefined],
  ['//localhost/jobs/counts/views', 404, undefined],
  ['/jobs/counts/views/x', 404, undefined],
  ['/jobs/counts/status', 404, undefined],
  ['/jobs/counts%2Fviews', 404, undefined],
  ['/jobs/..%2f..%2fcounts/views', 404, undefined],
  ['/jobs/counts%00/views', 404, undefined],
])('a request for %s gets %i, and a container gets %j', async (path, status, passedOn) => {
  const { deployWithViews, exchange } = await servedNode()
  const seen: unknown[] = []
  await deployWithViews(({ url, headers }, response) => {
    seen.push(url, headers.host, headers.authorization)
    response.end('{}')
  })
  expect(statusAndCode(await exchange(head(`GET ${path}`, CLOSE)))[0]).toBe(status)
  expect(seen).toEqual(passedOn === undefined ? [] : [passedOn, 'localhost', undefined])
})

test.each([
  '/jobs/..%2f..%2fnode/logs',
  '/jobs/%2fetc/logs',
  '/jobs/.%2fcounts/logs',
  '/jobs/-x/logs',
  '/jobs/a%00/logs',
])('the log of a job whose name is a path does not exist: %s', async (path) => {
  const { deploy, exchange } = await servedNode()
  await deploy()
  expect(statusAndCode(await exchange(head(`GET ${path}`, CLOSE)))).toEqual([404, 'JOB_MISSING'])
})

test('the history of a job whose name is a path is empty', async () => {
  const { exchange } = await servedNode()
  expect(await exchange(head('GET /jobs/..%2f../history', CLOSE))).toContain('{"history":[],"before":null}')
})

/** An artefact whose manifest is changed, with the id that fits. */
function changed({ manifest, contents }: Artefact, changes: object): string {
  const text = `${JSON.stringify({ ...manifest, ...changes }, null, 2)}\n`
  const base64 = (content: Uint8Array | string) => Buffer.from(content).toString('base64')
  const files = Object.fromEntries([...contents].map(([name, content]) => [name, base64(content)]))
  const id = createHash('sha256').update(text).digest('hex')
  return JSON.stringify({ id, manifest: base64(text), files })
}

test.each(['../../outside', '/tmp/outside', '', 'a/b', 'a\n'])(
  'an artefact of a job that is named %j is refused, and nothing is stored',
  async (name) => {
    const { directory, admin } = await servedNode()
    const artefact = countsArtefact()
    const description = { ...artefact.manifest.description, job: name }
    const sent = changed(artefact, { job: name, description })
    await expect(admin.upload(sent)).rejects.toMatchObject({ code: 'ARTEFACT_DAMAGED' })
    expect(existsSync(join(directory, 'node/artefacts'))).toBe(false)
  },
)

test.each([
  ['/artefacts', 'text/plain'],
  ['/artefacts', undefined],
  ['/deploy', 'text/plain'],
  ['/deploy', 'multipart/form-data; boundary=a'],
  ['/deploy', 'application/x-www-form-urlencoded'],
  ['/deploy', 'text/plain; application/json'],
  ['/deploy', undefined],
  ['/jobs/counts/stop', 'text/plain'],
])('a POST to %s with the type %s, which a form of a web page can send, is refused', async (path, type) => {
  const { deploy, exchange, node } = await servedNode()
  const { release } = await deploy()
  const headers = type === undefined ? [] : [`Content-Type: ${type}`]
  const answer = await exchange(post(path, JSON.stringify({ artefact: release.artefact }), ...headers))
  expect(statusAndCode(answer)).toEqual([400, 'BAD_REQUEST'])
  expect(node.job('counts').deployment.revision).toBe(1)
})

test.each([
  ['/jobs/counts/scale', '{"containers":1e999}', 400],
  ['/jobs/counts/scale', '{"containers":-1}', 400],
  ['/jobs/counts/scale', '{"containers":1.5}', 400],
  ['/jobs/counts/scale', '{"containers":65}', 400],
  ['/jobs/counts/scale', '{"containers":"2"}', 400],
  ['/jobs/counts/scale', '{"auto":{"min":"1","max":[2]}}', 400],
  ['/jobs/counts/scale', '{"auto":{"min":1}}', 400],
  ['/jobs/counts/scale', '{"auto":{"min":2,"max":1}}', 400],
  ['/jobs/counts/scale', '{"auto":[1,2]}', 400],
  ['/jobs/counts/scale', '{"containers":2,"__proto__":{"by":"x"}}', 400],
  ['/jobs/counts/scale', '{"constructor":{"prototype":{}}}', 400],
  ['/deploy', '{"artefact":"ID","settings":{"__proto__":{"containers":3}}}', 400],
  ['/deploy', '{"artefact":"ID","settings":{"commitIntervalMs":1e16}}', 400],
  ['/deploy', '{"artefact":"ID","settings":[]}', 400],
  ['/deploy', '{"artefact":"../../artefacts/ID"}', 404],
  ['/deploy', '{"artefact":"ID/"}', 404],
  ['/deploy', '{"artefact":"ID","acceptLoss":["--data=/x"]}', 400],
  ['/deploy', '{"artefact":"ID","acceptLoss":["a\\u0000b"]}', 400],
  ['/deploy', `${'['.repeat(30_000)}`, 400],
])('a POST to %s with %s gets %i', async (path, body, status) => {
  const { deploy, exchange, node } = await servedNode()
  const { release } = await deploy()
  const answer = await exchange(post(path, body.replace('ID', release.artefact), JSON_TYPE))
  expect(statusAndCode(answer)[0]).toBe(status)
  expect(node.job('counts').deployment.release.settings).toEqual(release.settings)
  expect({}).not.toHaveProperty('containers')
})

test.each([
  ['HEAD', [], 200],
  ['OPTIONS', [], 405],
  ['TRACE', [], 405],
  ['PUT', [], 405],
  ['DELETE', [], 405],
  ['GET', ['X-HTTP-Method-Override: POST', JSON_TYPE], 404],
  ['GET', ['X-Method-Override: POST'], 404],
])('%s with the headers %j for a change gets %i, and changes nothing', async (method, headers, status) => {
  const { deploy, exchange, node } = await servedNode()
  await deploy()
  const path = method === 'HEAD' ? '/jobs/counts' : '/jobs/counts/stop'
  const answer = await exchange(head(`${method} ${path}`, CLOSE, ...headers))
  expect(statusAndCode(answer)[0]).toBe(status)
  if (status === 405) expect(answer).toMatch(/^allow: GET, HEAD, POST\r$/m)
  expect(node.job('counts').phase).toBe('running')
})

test.each([
  ['a name that was rebound to this machine', ['Host: evil.example'], 403, 'HOST_REFUSED'],
  ['a web page', ['Host: localhost', 'Origin: https://evil.example'], 403, 'ORIGIN_REFUSED'],
  ['a file', ['Host: localhost', 'Origin: null'], 403, 'ORIGIN_REFUSED'],
  ['a page that may read', ['Host: localhost', 'Origin: https://ops.example.com'], 405, 'METHOD_REFUSED'],
])('a change that comes from %s is refused', async (_what, headers, status, code) => {
  const { deploy, exchange, node } = await servedNode({ allowOrigins: ['https://ops.example.com'] })
  await deploy()
  const all = [...headers, `Authorization: Bearer ${ADMIN}`, JSON_TYPE, 'Content-Length: 2', CLOSE]
  const answer = await exchange(`POST /jobs/counts/stop HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n{}`)
  expect(statusAndCode(answer)).toEqual([status, code])
  expect(node.job('counts').phase).toBe('running')
})

test('the body of a request with an Expect header is requested only if the token is right', async () => {
  const { deploy, exchange } = await servedNode()
  await deploy()
  const sent = post('/jobs/counts/stop', '{}', JSON_TYPE, 'Expect: 100-continue')
  expect(await exchange(sent)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
  expect(await exchange(sent.replace(ADMIN, READ))).toMatch(/^HTTP\/1\.1 401 /)
})

test('a body that is announced as too large is refused before it is sent, and one of unknown length once it is', async () => {
  const { exchange } = await servedNode()
  const announced = head('POST /artefacts', JSON_TYPE, `Content-Length: ${64 * 1024 ** 2}`)
  expect(statusAndCode(await exchange(announced))).toEqual([413, 'ARTEFACT_TOO_LARGE'])
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const chunked = head('POST /deploy', JSON_TYPE, 'Transfer-Encoding: chunked')
  expect(statusAndCode(await exchange(`${chunked}${chunk}${chunk}`))).toEqual([400, 'BAD_REQUEST'])
})

test.each([
  ['a change', '/deploy', ADMIN],
  ['an artefact with the wrong token', '/artefacts', READ],
])('a client that does not send the body of %s in time loses its connection', async (_what, path, token) => {
  const { exchange } = await servedNode({ limits: { requestMsMax: 500 } })
  const sent = head(`POST ${path}`, JSON_TYPE, 'Content-Length: 9').replace(ADMIN, token)
  const answer = await exchange(`${sent}{`)
  expect(answer === '' || answer.startsWith('HTTP/1.1 401 ')).toBe(true)
})

test('an artefact may take longer to come than other bodies', async () => {
  const { exchange, server } = await servedNode({ limits: { requestMsMax: 500 } })
  const artefact = encodeArtefact(countsArtefact())
  const headers = {
    authorization: `Bearer ${ADMIN}`,
    'content-type': 'application/json',
    'content-length': artefact.length,
  }
  const answered = new Promise((resolve, reject) => {
    const sent = request(`${server.url}/artefacts`, { method: 'POST', headers }, ({ statusCode }) =>
      resolve(statusCode),
    )
    sent.on('error', reject)
    sent.write(artefact.slice(0, 10))
    // Another body that began later has lost its connection by then.
    sent.once('socket', async () => {
      await exchange(head('POST /deploy', JSON_TYPE, 'Content-Length: 9'))
      sent.end(artefact.slice(10))
    })
  })
  expect(await answered).toBe(200)
})

test('an artefact that does not come in time loses its connection too, and its place is free again', async () => {
  const { admin, exchange } = await servedNode({ limits: { requestMsMax: 400, bodyMsMax: 800 } })
  const sent = head('POST /artefacts', JSON_TYPE, 'Content-Length: 9')
  for (let time = 0; time < 3; time++) expect(await exchange(sent)).not.toContain(' 200 ')
  expect(await admin.upload(encodeArtefact(countsArtefact()))).toMatch(/^[0-9a-f]{64}$/)
})

test('a third artefact at the same time is refused with 503, and accepted once another one is stored', async () => {
  const { server, directory } = await servedNode()
  const artefact = encodeArtefact(countsArtefact())
  const open = () => {
    const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' }
    const sent = request(`${server.url}/artefacts`, { method: 'POST', headers })
    const answered = new Promise<unknown>((resolve) => {
      sent.on('response', async (answer) => resolve([answer.statusCode, JSON.parse(await text(answer)).code]))
    })
    sent.write(artefact.slice(0, 10))
    return { answered, end: () => sent.end(artefact.slice(10)) }
  }
  const uploads = [open(), open(), open()]
  // Whichever comes last is refused at once.
  const refused = await Promise.race(
    uploads.map(({ answered }, index) => answered.then((answer) => ({ answer, index }))),
  )
  expect(refused.answer).toEqual([503, 'TOO_MANY_UPLOADS'])
  const others = uploads.filter((_, index) => index !== refused.index)
  for (const { end } of others) end()
  expect(await Promise.all(others.map(({ answered }) => answered))).toEqual([
    [200, undefined],
    [200, undefined],
  ])
  const next = open()
  next.end()
  expect(await next.answered).toEqual([200, undefined])
  expect(readdirSync(join(directory, 'node/artefacts'))).toHaveLength(2)
})

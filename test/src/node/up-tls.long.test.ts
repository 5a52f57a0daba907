import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { connect } from 'node:tls'
import type { TlsCertificate } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { UserFolder } from '../command/job-files.ts'
import { run, start, succeed } from '../flights/command.ts'
import { selfSigned } from './self-signed.ts'

const TIMEOUT_MS = 60_000

const tls = selfSigned()

/** A user's folder with the files of a certificate and a key; its node, if it has one, ends with the test. */
function userFolder() {
  const folder = new UserFolder()
  onTestFinished(async () => {
    await run(['down', '--data', folder.data])
    folder[Symbol.dispose]()
  })
  const certificate = folder.write('certificate.pem', tls.certificate)
  const key = folder.write('key.pem', tls.key)
  return { folder, data: ['--data', folder.data], certificate, key }
}

test.each([
  [
    'without a certificate',
    [],
    2,
    /ADDRESS_REFUSED: The node listens on "0\.0\.0\.0", .* only with TLS and tokens\. Give/,
  ],
  ['without a key', ['--tls-cert', 'certificate.pem'], 2, /BAD_USAGE: TLS needs both --tls-cert <file> and --tls-key/],
  [
    'with a key that does not exist',
    ['--tls-cert', 'certificate.pem', '--tls-key', 'a.pem'],
    4,
    /FILE_MISSING.*a\.pem/,
  ],
  [
    'with a key that cannot be read',
    ['--tls-cert', 'certificate.pem', '--tls-key', '.'],
    1,
    /BAD_INPUT.*cannot be read/,
  ],
  ['with a certificate as the key', ['--tls-cert', 'key.pem', '--tls-key', 'key.pem'], 5, /CERTIFICATE_INVALID/],
])('a node refuses to start for other machines %s', { timeout: TIMEOUT_MS }, async (_what, options, code, message) => {
  const { folder, data } = userFolder()
  const refused = await run(['up', '--host', '0.0.0.0', '--port', '0', ...options, ...data], { cwd: folder.path })
  expect(refused).toMatchObject({ code, stderr: expect.stringMatching(message) })
  expect(refused.stderr).not.toContain('BEGIN')
  expect(existsSync(join(folder.data, 'node'))).toBe(false)
})

test('a node in the background answers other machines with TLS, by the allowed name', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { folder, data } = userFolder()
  const files = ['--tls-cert', 'certificate.pem', '--tls-key', 'key.pem']
  const options = ['--host', '0.0.0.0', '--port', '0', '--allow-host', 'node1.example.com', ...files]
  const up = await run(['up', '--detach', ...options, ...data], { cwd: folder.path })
  expect(up).toMatchObject({ code: 0, stderr: expect.stringContaining('https://node1.example.com:') })
  const { url } = JSON.parse(readFileSync(join(folder.data, 'node', 'node.json'), 'utf8'))
  const token = readFileSync(join(folder.data, 'token'), 'utf8').trim()
  const headers = { host: 'node1.example.com', authorization: `Bearer ${token}` }
  const { port } = new URL(url)
  const answer = await new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', servername: 'localhost', port, path: '/node', ca: tls.certificate, headers }
    request(to, (response) => resolve(json(response)))
      .on('error', reject)
      .end()
  })
  expect(answer).toMatchObject({ url })
  // The commands on this machine use the socket.
  expect((await run(['jobs', ...data])).code).toBe(0)
})

function fingerprint({ certificate }: TlsCertificate): string {
  return new X509Certificate(certificate).fingerprint256
}

/** The fingerprint of the certificate that a node shows. */
async function shown(port: number, { certificate: ca }: TlsCertificate): Promise<string | undefined> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca })
  try {
    await once(socket, 'secureConnect')
    return socket.getPeerX509Certificate()?.fingerprint256
  } finally {
    socket.destroy()
  }
}

test('a node uses a certificate that is renewed while it runs, and keeps it if the next one does not fit', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { folder, data } = userFolder()
  const files = ['--tls-cert', 'certificate.pem', '--tls-key', 'key.pem']
  const node = start(['up', '--host', '0.0.0.0', '--port', '0', ...files, ...data], { cwd: folder.path })
  const [, port] = await node.line(/served at https:\/\/localhost:(\d+)/)
  expect(await shown(Number(port), tls)).toBe(fingerprint(tls))
  const next = selfSigned()
  folder.write('certificate.pem', next.certificate)
  folder.write('key.pem', next.key)
  await node.line(/The node has read its new certificate/)
  expect(await shown(Number(port), next)).toBe(fingerprint(next))
  folder.write('key.pem', tls.key)
  await node.line(/warning: The node still uses its former certificate\. The private key does not belong to/)
  expect(await shown(Number(port), next)).toBe(fingerprint(next))
  node.child.kill('SIGTERM')
  expect(await node.ended).toMatchObject({ code: 0, stderr: expect.not.stringContaining('BEGIN') })
})

test('a unit for systemd has the options for other machines, with whole paths', async () => {
  const { folder, data, certificate, key } = userFolder()
  const files = ['--tls-cert', 'certificate.pem', '--tls-key', 'key.pem']
  const more = ['--allow-host', 'node1.example.com', '--allow-origin', 'https://ops.example.com']
  const unit = await succeed(['up', '--systemd', '--host', '0.0.0.0', ...more, ...files, ...data], { cwd: folder.path })
  expect(unit).toContain(
    `--host 0.0.0.0 --tls-cert ${certificate} --tls-key ${key} --allow-host node1.example.com --allow-origin https://ops.example.com`,
  )
})

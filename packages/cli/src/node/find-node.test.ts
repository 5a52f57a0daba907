import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runningNode } from './find-node.ts'
import { announceNode } from './node-files.ts'

/** A data directory whose node answers on a socket. */
async function announced(): Promise<{ readonly data: string; readonly socket: string }> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-find-'))
  const socket = join(data, 'node.sock')
  const node = createServer((_request, response) => response.end(JSON.stringify({ version: '1', pid: process.pid })))
  await new Promise<void>((resolve) => node.listen(socket, resolve))
  onTestFinished(() => {
    node.close()
    rmSync(data, { recursive: true })
  })
  announceNode(data, { pid: process.pid, url: 'http://127.0.0.1:1', socket })
  return { data, socket }
}

test('a node is found on its socket', async () => {
  const { data } = await announced()
  expect(await runningNode(data)).toBeDefined()
})

test('a node whose socket is gone is not found', async () => {
  const { data, socket } = await announced()
  rmSync(socket)
  expect(await runningNode(data)).toBeUndefined()
})

// Only root can make a socket of another user.
test.skipIf(process.getuid?.() !== 0)('a socket of another user is not taken for that of the node', async () => {
  const { data, socket } = await announced()
  chownSync(socket, 12_345, 12_345)
  expect(await runningNode(data)).toBeUndefined()
})

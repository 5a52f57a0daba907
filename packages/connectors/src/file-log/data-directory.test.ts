import { spawn } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { FileSystem } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { openFileLog } from './file-log.ts'

const APPEND = fileURLToPath(new URL('testing/append-process.ts', import.meta.url))
const CLAIM = fileURLToPath(new URL('testing/claim-process.ts', import.meta.url))

let directory: string

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-data-`)
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

const open = (data = directory) => openFileLog({ directory: data, env: nodeEnv() })

/** Another process; its first line of output, and how it ends. */
function start(program: string, ...args: string[]) {
  const child = spawn(process.execPath, ['--conditions=millrace-source', program, directory, ...args])
  onTestFinished(() => void child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const line = new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())))
  const ended = new Promise<string>((resolve) => child.once('close', () => resolve(stderr)))
  return { child, line, ended }
}

test('a data directory is created for its user alone, and states its version', async () => {
  const data = `${directory}/made`
  await (await open(data)).close()
  expect(statSync(data).mode & 0o777).toBe(0o700)
  expect(JSON.parse(readFileSync(`${data}/millrace.json`, 'utf8'))).toEqual({ version: 4 })
  await (await open(data)).close()
})

test.each(['{"version":1}', '{"version":3}', '{}', '', 'x'])(
  'a data directory of version %j is refused',
  async (text) => {
    writeFileSync(`${directory}/millrace.json`, text)
    await expect(open()).rejects.toMatchObject({ code: 'DATA_VERSION', message: expect.stringContaining(directory) })
  },
)

test('a file in the place of a data directory is refused', async () => {
  writeFileSync(`${directory}/file`, '')
  await expect(open(`${directory}/file`)).rejects.toMatchObject({ code: 'DATA_VERSION' })
  await expect(open(`${directory}/file/below`)).rejects.toMatchObject({ code: 'DATA_VERSION' })
})

test.each(['EACCES', 'EPERM', 'EROFS'])('a data directory that the system refuses with %s is refused', async (code) => {
  const { files, ...rest } = nodeEnv()
  const refuse = () => {
    throw Object.assign(new Error(`${code}: permission denied`), { code })
  }
  const env = { ...rest, files: { ...files, makeDirectory: refuse } }
  await expect(openFileLog({ directory: `${directory}/refused`, env })).rejects.toMatchObject({
    code: 'DATA_OWNER',
    message: expect.stringContaining(`cannot be written (${code})`),
  })
})

test('a partition that the system does not let this user append to is refused', async () => {
  const { files, ...rest } = nodeEnv()
  let denied = false
  const openFile: FileSystem['open'] = (path, mode) => {
    if (denied && path.endsWith('/tail'))
      throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    return files.open(path, mode)
  }
  const log = await openFileLog({
    directory: `${directory}/partly`,
    env: { ...rest, files: { ...files, open: openFile } },
  })
  await log.admin.createTopic('t')
  denied = true
  await expect(log.openWriter().openPartition('t', 0)).rejects.toMatchObject({
    code: 'DATA_OWNER',
    place: expect.objectContaining({ topic: 't' }),
  })
  denied = false
  await log.close()
})

test('a data directory of another user is refused', async (context) => {
  if (process.getuid?.() !== 0) {
    if (process.env['CI'] === 'true') throw new Error('this needs root, which CI has')
    context.skip('giving a directory away takes root')
  }
  mkdirSync(`${directory}/foreign`)
  chownSync(`${directory}/foreign`, 12345, 12345)
  const message = expect.stringMatching(/belongs to user 12345, and this process runs as user 0.*--data/)
  await expect(open(`${directory}/foreign`)).rejects.toMatchObject({ code: 'DATA_OWNER', message })
})

test('a claim that another process holds is refused with the id of that process, and is free once it is killed', async () => {
  const log = await open()
  const other = start(CLAIM, 'job')
  await other.line
  const message = expect.stringContaining(`(process ${other.child.pid})`)
  await expect(log.claim('job')).rejects.toMatchObject({ code: 'JOB_RUNNING', message })
  other.child.kill('SIGKILL')
  await other.ended
  const claim = await log.claim('job')
  await claim.release()
  await log.close()
})

test('of processes that create a topic at the same time, one succeeds, and the others get TOPIC_EXISTS', async () => {
  const claims = Array.from({ length: 3 }, () => start(CLAIM, 'job', 'topic'))
  const lines = await Promise.all(claims.map(({ line }) => line))
  expect(lines.map((line) => line.trim()).sort()).toEqual(['TOPIC_EXISTS', 'TOPIC_EXISTS', 'made'])
  const log = await open()
  expect(await log.admin.listTopics()).toHaveLength(1)
  await log.close()
})

test('a topic that is deleted stops the writers and readers of other processes', async () => {
  const log = await open()
  await log.admin.createTopic('t')
  const other = start(APPEND, 't', 'a', '0', '10')
  await other.line
  const reader = log.openReader()
  const from = await reader.assign('t', 0, 0)
  const deleter = await open()
  await deleter.admin.deleteTopic('t')
  expect(await other.ended).toMatch(/TOPIC_MISSING/)
  expect(() => {
    while (from.poll() !== undefined);
  }).toThrow(expect.objectContaining({ code: 'TOPIC_MISSING' }))
  await expect(reader.wait(10_000)).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
  await log.admin.createTopic('t')
  const writer = log.openWriter()
  write(await writer.openPartition('t', 0), 'k', 'v')
  await writer.flush()
  expect(await log.admin.offsets('t', 0)).toEqual({ start: 0, end: 1 })
  await deleter.close()
  await log.close()
})

test('a topic whose description was lost is not made again over its records', async () => {
  const log = await open()
  await log.admin.createTopic('t')
  rmSync(`${directory}/topics/t/topic.json`)
  await expect(log.admin.createTopic('t')).rejects.toMatchObject({
    code: 'LOG_DAMAGED',
    message: expect.stringMatching(/t has partitions, but .*topic\.json, which describes it, is missing/),
  })
  await log.close()
})

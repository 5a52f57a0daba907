import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ContainerProcess, ContainerReport, ContainerSpec } from '@millrace/runtime'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { startContainers } from './start-container.ts'

const SPEC: ContainerSpec = {
  job: 'orders',
  container: '1.1',
  artefact: 'f00',
  settings: {
    containers: 1,
    auto: null,
    guarantee: 'at-least-once',
    standbys: 1,
    commitIntervalMs: 250,
    heapBytesMax: 128 * 1024 * 1024,
    diskBytesMax: null,
  },
  acceptLoss: ['totals', 'counts'],
  untilEnd: true,
  planOnly: true,
}

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-container-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Starts a container whose process runs this module. */
function start(module: string): { readonly container: ContainerProcess; readonly reports: ContainerReport[] } {
  const command = join(directory, 'command.mjs')
  writeFileSync(command, module)
  const container = startContainers('/data', { execPath: process.execPath, command })(SPEC)
  const reports: ContainerReport[] = []
  container.reports.subscribe((report) => reports.push(report))
  return { container, reports }
}

test('a container is started with its settings, and its lines are reported with their level', async () => {
  const { container, reports } = start(`
    console.log(JSON.stringify([process.argv.slice(2), process.execArgv]))
    console.error('a warning\\nof two lines')
    process.disconnect()
  `)
  expect(await container.ended).toEqual({ error: null })
  const [started, ...others] = reports.flatMap((report) => (report.kind === 'line' ? [report] : []))
  expect(JSON.parse(started?.text ?? '')).toEqual([
    'container f00 --data /data --guarantee at-least-once --standbys 1 --commit-interval 250ms --accept-loss totals --accept-loss counts --until-end --plan'.split(
      ' ',
    ),
    ['--max-old-space-size=128'],
  ])
  expect(others.map(({ level, text }) => [level, text])).toEqual([
    ['error', 'a warning'],
    ['error', 'of two lines'],
  ])
})

test('a container inherits the environment of the node without a token', async () => {
  vi.stubEnv('MILLRACE_TOKEN', 'a-token-that-no-job-needs')
  vi.stubEnv('TEAM', 'flights')
  onTestFinished(() => void vi.unstubAllEnvs())
  const { container, reports } = start(`
    console.log(JSON.stringify([process.env.MILLRACE_TOKEN ?? null, process.env.TEAM]))
    process.disconnect()
  `)
  await container.ended
  expect(reports).toMatchObject([{ text: '[null,"flights"]' }])
})

test('what the process sends is reported, and what a job sends by itself is not', async () => {
  const { container, reports } = start(`
    process.send({ kind: 'waiting' })
    process.send({ hello: 'from the job' })
    process.send({ kind: 'running', url: 'http://127.0.0.1:1', address: 'unix:/a' })
    process.disconnect()
  `)
  await container.ended
  expect(reports).toEqual([{ kind: 'waiting' }, { kind: 'running', url: 'http://127.0.0.1:1', address: 'unix:/a' }])
})

test('a request to stop reaches the process', async () => {
  const { container, reports } = start(`
    process.once('message', (message) => { console.log(message); process.disconnect() })
    process.send({ kind: 'waiting' })
  `)
  await new Promise<void>((resolve) => container.reports.subscribe(() => resolve()))
  container.stop()
  container.stop()
  expect(await container.ended).toEqual({ error: null })
  expect(reports.at(-1)).toMatchObject({ kind: 'line', text: 'stop' })
})

test.each([
  ['a code of Millrace', 'STORE_CHANGED', 'STORE_CHANGED', 'why'],
  ['a code of another version', 'NEW_CODE', 'CONTAINER_ENDED', 'NEW_CODE: why'],
])('the stated reason of an end is reported: %s', async (_what, code, expected, message) => {
  const { container } = start(`
    process.send({ kind: 'failed', error: { code: '${code}', message: 'why' } }, () => process.exit(5))
  `)
  expect(await container.ended).toEqual({ error: { code: expected, message } })
})

test.each([
  ['process.exit(7)', 'with exit code 7'],
  ["process.kill(process.pid, 'SIGKILL')", 'with SIGKILL'],
  ['process.abort()', 'as Node does when the heap is full'],
])('an end without a stated reason names how it ended: %s', async (module, how) => {
  const { container } = start(module)
  expect(await container.ended).toMatchObject({
    error: { code: 'CONTAINER_ENDED', message: expect.stringContaining(how) },
  })
})

test('a container that is killed ends', async () => {
  const { container } = start('setInterval(() => undefined, 1000)')
  container.kill()
  expect(await container.ended).toMatchObject({ error: { code: 'CONTAINER_ENDED' } })
})

test('a process that cannot be started ends at once, with the reason of the system', async () => {
  const execPath = join(directory, 'node')
  writeFileSync(execPath, '')
  chmodSync(execPath, 0o600)
  const container = startContainers('/data', { execPath, command: 'command.mjs' })(SPEC)
  expect(await container.ended).toMatchObject({
    error: { code: 'SYSTEM_CALL_FAILED', message: expect.stringContaining('EACCES') },
  })
  container.stop()
  container.kill()
})

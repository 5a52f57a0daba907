import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { openFileLog } from '@millrace/connectors/file'
import { type Env, job, json, type Log, openTopicWriter, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { encodeArtefact, makeArtefact, Node, startContainer } from '@millrace/runtime'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeContainers } from './fake-containers.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const jobNamed = (name: string) => job(name, stream(numbers).groupByKey().count('counts'))
const ANN = { by: 'ann@laptop', why: 'as asked' }
/** How often a node looks, and how often it does in these tests. */
const [LOOK_MS, SHORT_MS] = [5_000, 10]

let directory: string
let log: Log
let containers: FakeContainers
let node: Node

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-disk-limit-`)
  log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
  await log.admin.createTopic('numbers', { partitions: 2 })
  containers = new FakeContainers()
  const { timers, ...env } = nodeEnv()
  const after: Env['timers']['after'] = (ms, call) => timers.after(ms === LOOK_MS ? SHORT_MS : ms, call)
  const quick = { ...env, timers: { after, turn: () => timers.turn() } }
  node = await Node.open({ log, env: quick, data: directory, start: containers.start, healthyAfterMs: 1 })
})

afterEach(async () => {
  await node.close()
  await log.close()
  rmSync(directory, { recursive: true })
})

async function deploy(name: string, diskBytesMax: number | null): Promise<void> {
  const contents = new Map([
    ['job.mjs', Buffer.from(name)],
    ['job.mjs.map', Buffer.from('{}')],
  ])
  const made = makeArtefact(jobNamed(name), { millrace: '1', source: 'job.ts', externals: [], contents })
  const artefact = await node.storeArtefact(encodeArtefact(made))
  await node.deploy({ artefact, settings: { diskBytesMax } }, ANN, () => undefined)
}

/** What the containers of a job would do, if they were not fake. */
async function run(name: string): Promise<void> {
  const options = { job: jobNamed(name), log, env: nodeEnv(), stateDirectory: `${directory}/state` }
  await (await startContainer({ ...options, untilEnd: true })).done
}

async function produce(records: number): Promise<void> {
  const writer = await openTopicWriter(log, numbers)
  await writer.sendAll(Array.from({ length: records }, (_, at) => ({ key: `k${at}`, value: at })))
  await writer.close()
}

/** Bytes of the files below the paths that a test names, as the system counts them. */
function bytesBelow(paths: readonly string[]): number {
  return paths
    .flatMap((path) =>
      readdirSync(`${directory}/${path}`, { recursive: true }).map((name) => `${directory}/${path}/${name}`),
    )
    .map((path) => statSync(path))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
}

test('a job that takes as much room as it may is stopped, says so, and runs again with a larger limit; another job goes on', async () => {
  const limit = 300_000
  await deploy('other', null)
  await deploy('counts', limit)
  await produce(100)
  await run('counts')
  await vi.waitFor(() => expect(node.job('counts').diskBytes).toBeGreaterThan(0))
  expect(node.job('counts').phase).toBe('running')
  expect(node.job('other').diskBytes).toBeNull()
  await produce(5_000)
  await run('counts')
  await vi.waitFor(() => expect(node.job('counts').phase).toBe('failed'))
  await vi.waitFor(() => expect(containers.alive.map(({ spec }) => spec.job)).toEqual(['other']))
  const { error } = node.job('counts')
  expect(error).toMatchObject({ code: 'DISK_LIMIT_REACHED' })
  const [, taken, allowed] = /takes (\d+) bytes .* may take (\d+)/.exec(error?.message ?? '') ?? []
  expect(Number(taken)).toBeGreaterThanOrEqual(limit)
  expect(Number(allowed)).toBe(limit)
  expect(node.job('other').phase).toBe('running')
  expect((await node.history('counts')).history.at(-1)).toMatchObject({
    action: 'failed',
    error: { code: 'DISK_LIMIT_REACHED' },
  })
  await deploy('counts', 2 ** 40)
  expect(node.job('counts')).toMatchObject({ phase: 'running', error: null })
  await vi.waitFor(() => expect(containers.alive).toHaveLength(2))
})

test('the topics that a job makes and its local state count as the room that it takes', async () => {
  await deploy('counts', 2 ** 40)
  await produce(5_000)
  await run('counts')
  const topics = (await log.admin.listTopics()).map(({ name }) => name).filter((name) => name.startsWith('counts.'))
  expect(topics.length).toBe(2)
  const state = bytesBelow(['state/counts'])
  let own = 0
  for (const name of topics) own += await log.admin.sizeBytes(name)
  expect(state).toBeGreaterThan(50_000)
  await vi.waitFor(() => expect(node.job('counts').diskBytes).toBe(state + own))
})

test('a job that reaches its limit while it is drained is stopped, and so is the drain', async () => {
  await deploy('counts', 300_000)
  await produce(5_000)
  const draining = node.drain('counts', ANN, () => undefined)
  draining.catch(() => undefined)
  await run('counts')
  await expect(draining).rejects.toMatchObject({ code: 'DISK_LIMIT_REACHED' })
  expect(node.job('counts')).toMatchObject({ phase: 'failed', error: { code: 'DISK_LIMIT_REACHED' } })
  expect(containers.alive).toEqual([])
})

test('a job that is stopped is measured too, and stays stopped', async () => {
  await deploy('counts', 1)
  await node.stop('counts', ANN)
  await produce(100)
  await run('counts')
  await vi.waitFor(() => expect(node.job('counts').diskBytes).toBeGreaterThan(1))
  expect(node.job('counts')).toMatchObject({ phase: 'stopped', error: null })
})

import { memoryLog } from '@millrace/connectors/memory'
import { job, json, type Log, stream, string, topic } from '@millrace/core'
import { encodeArtefact, makeArtefact, Node } from '@millrace/runtime'
import { StillEnv } from '@millrace/testing/internal'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FakeContainer, FakeContainers } from './fake-containers.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const theJob = job('counts', stream(numbers).groupByKey().count('counts'))
const crash = { code: 'CONTAINER_ENDED', message: 'The container ended with SIGKILL' } as const
const refusal = { code: 'STORE_CHANGED', message: 'Store counts is computed in another way' } as const
const ANN = { by: 'ann@laptop', why: 'as asked' }

let still: StillEnv
let log: Log
let containers: FakeContainers
let node: Node

beforeEach(async () => {
  still = new StillEnv(Date.UTC(2026, 0, 1))
  log = memoryLog(still.env)
  containers = new FakeContainers()
  node = await open()
  const contents = new Map([
    ['job.mjs', Buffer.from('one')],
    ['job.mjs.map', Buffer.from('{}')],
  ])
  const artefact = makeArtefact(theJob, { millrace: '1', source: 'job.ts', externals: [], contents })
  await node.storeArtefact(encodeArtefact(artefact))
  await settle(node.deploy({ artefact: artefact.id, settings: { containers: 2 } }, ANN, () => undefined))
})

afterEach(async () => {
  await settle(node.close())
  await log.close()
})

function open(): Promise<Node> {
  return Node.open({ log, env: still.env, data: '/data', start: containers.start })
}

/** Moves the clock on until the promise is settled. */
async function settle<T>(promise: Promise<T>): Promise<T> {
  let settled = false
  const done = () => {
    settled = true
  }
  promise.then(done, done)
  while (!settled) {
    await turns()
    if (!settled) still.advance(100)
  }
  return promise
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await still.env.timers.turn()
}

const drain = () => {
  const draining = node.drain('counts', ANN, () => undefined)
  // The test looks at it later.
  draining.catch(() => undefined)
  return draining
}
const actions = async () => (await node.history('counts')).history.map(({ action }) => action)
const finish = (container: FakeContainer) => {
  container.reports.next({ kind: 'finished' })
  container.fail(null)
}
const untilEnd = () => containers.alive.map(({ spec }) => spec.untilEnd)

test('a drained job is stopped once all its containers have processed what there was', async () => {
  const draining = drain()
  await turns()
  expect(node.job('counts').phase).toBe('draining')
  expect(untilEnd()).toEqual([true, true])
  const [one, two] = containers.alive
  if (one === undefined || two === undefined) throw new Error('two containers run')
  finish(one)
  await turns()
  expect(node.job('counts').phase).toBe('draining')
  finish(two)
  expect(await draining).toMatchObject({ phase: 'stopped', containers: [] })
  expect(await actions()).toEqual(['deploy', 'deployed', 'drain', 'drained'])
  await settle(node.start('counts', ANN))
  expect(untilEnd()).toEqual([false, false])
})

test('a container that crashes or is ended during a drain starts again, and the drain waits for it', async () => {
  const draining = drain()
  await turns()
  containers.alive[0]?.fail(crash)
  containers.alive[0]?.fail(null)
  await turns()
  expect(containers.alive).toEqual([])
  still.advance(500)
  await turns()
  expect(untilEnd()).toEqual([true, true])
  for (const container of containers.alive) finish(container)
  expect((await draining).phase).toBe('stopped')
})

test('a drain whose containers are refused fails with their reason, and so does the job', async () => {
  containers.behave = (container) => container.fail(refusal)
  await expect(settle(drain())).rejects.toMatchObject({
    code: 'DRAIN_FAILED',
    message: expect.stringContaining('STORE_CHANGED'),
  })
  expect(node.job('counts')).toMatchObject({ phase: 'failed', error: { code: 'DRAIN_FAILED' } })
  expect(containers.alive).toEqual([])
})

test('a drain that the end of the node interrupts is continued by the next node', async () => {
  const draining = drain()
  await turns()
  await settle(node.close())
  await expect(draining).rejects.toMatchObject({ code: 'SERVER_CLOSING' })
  node = await open()
  await turns()
  expect(node.job('counts')).toMatchObject({ phase: 'draining', operation: 'drain' })
  expect(untilEnd()).toEqual([true, true])
  for (const container of containers.alive) finish(container)
  await turns()
  expect(node.job('counts').phase).toBe('stopped')
  expect(await actions()).toEqual(['deploy', 'deployed', 'drain', 'drained'])
})

test('a stop ends a drain, and other changes must wait for it', async () => {
  const draining = drain()
  await turns()
  await expect(node.scale('counts', { containers: 3 }, ANN)).rejects.toMatchObject({ code: 'JOB_BUSY' })
  expect((await settle(node.stop('counts', ANN))).phase).toBe('stopped')
  await expect(draining).rejects.toMatchObject({ code: 'DRAIN_FAILED' })
  expect(containers.alive).toEqual([])
  expect(await actions()).toEqual(['deploy', 'deployed', 'drain', 'stop'])
})

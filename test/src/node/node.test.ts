import { memoryLog } from '@millrace/connectors/memory'
import { job, json, type Log, stream, string, topic } from '@millrace/core'
import { encodeArtefact, listArtefacts, makeArtefact, Node } from '@millrace/runtime'
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
const steps: string[] = []
const onProgress = (step: string) => steps.push(step)

beforeEach(async () => {
  still = new StillEnv(Date.UTC(2026, 0, 1))
  log = memoryLog(still.env)
  containers = new FakeContainers()
  node = await open()
})

afterEach(async () => {
  await settle(node.close())
  await log.close()
})

function open(): Promise<Node> {
  return Node.open({ log, env: still.env, data: '/data', start: containers.start })
}

/** An artefact of the job whose code is this text, as the node stores it. */
async function artefact(code: string): Promise<string> {
  const contents = new Map([
    ['job.mjs', Buffer.from(code)],
    ['job.mjs.map', Buffer.from('{}')],
  ])
  return node.storeArtefact(
    encodeArtefact(makeArtefact(theJob, { millrace: '1', source: 'job.ts', externals: [], contents })),
  )
}

/** Moves the clock on until the promise is settled. */
async function settle<T>(promise: Promise<T>): Promise<T> {
  let settled = false
  const done = () => {
    settled = true
  }
  promise.then(done, done)
  while (!settled) {
    for (let turn = 0; turn < 20 && !settled; turn++) await still.env.timers.turn()
    if (!settled) still.advance(100)
  }
  return promise
}

async function deploy(code: string, number = 1): Promise<string> {
  const id = await artefact(code)
  await settle(node.deploy({ artefact: id, settings: { containers: number } }, ANN, onProgress))
  return id
}

async function restarted(): Promise<void> {
  await settle(node.close())
  node = await open()
  await turns()
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await still.env.timers.turn()
}

const actions = async () => (await node.history('counts')).map(({ action }) => action)

test('a deployed job runs in as many containers as were requested, and goes on when the node is started again', async () => {
  const id = await deploy('one', 2)
  expect(node.job('counts')).toMatchObject({ phase: 'running', deployment: { revision: 1, desired: 'running' } })
  expect(containers.artefacts).toEqual([id, id])
  await restarted()
  expect(containers.artefacts).toEqual([id, id])
  expect(node.job('counts').phase).toBe('running')
  expect(await node.history('counts')).toMatchObject([
    { action: 'deploy', by: 'ann@laptop', why: 'as asked' },
    { action: 'deployed', by: 'node' },
  ])
})

test('a second node of a directory is refused, and names the first', async () => {
  await expect(open()).rejects.toMatchObject({ code: 'NODE_RUNNING' })
})

test('an upgrade replaces one container after the other, and never stops more than one', async () => {
  const one = await deploy('one', 3)
  let fewest = 3
  containers.behave = (container) => {
    fewest = Math.min(fewest, containers.alive.length)
    container.run()
  }
  const two = await deploy('two', 3)
  expect(containers.artefacts).toEqual([two, two, two])
  expect(fewest).toBe(3)
  expect(node.job('counts').deployment).toMatchObject({ revision: 2, previous: { artefact: one } })
})

test('if the new containers must wait, all of them are there before the first of the old ones ends', async () => {
  const one = await deploy('one', 2)
  const started: FakeContainer[] = []
  let aliveAtFirstStop = 0
  const old = containers.alive
  for (const container of old) {
    void container.ended.then(() => {
      aliveAtFirstStop ||= containers.alive.length + 1
      if (old.every(({ hasEnded }) => hasEnded)) for (const next of started) next.run()
    })
  }
  containers.behave = (container) => {
    started.push(container)
    container.reports.next({ kind: 'waiting' })
  }
  const two = await deploy('two', 2)
  expect(aliveAtFirstStop).toBe(4)
  expect(containers.artefacts).toEqual([two, two])
  expect(node.job('counts').deployment.previous?.artefact).toBe(one)
})

test.each([
  ['crashes before it runs', (container: FakeContainer) => container.fail(crash)],
  ['is refused', (container: FakeContainer) => container.fail(refusal)],
  [
    'crashes a second after it ran',
    (container: FakeContainer) => {
      container.run()
      still.env.timers.after(1000, () => container.fail(crash))
    },
  ],
])('a version that %s is undone, and the version before runs again', async (_what, behave) => {
  const one = await deploy('one', 2)
  const two = await artefact('two')
  containers.behave = (container) => (container.spec.artefact === two ? behave(container) : container.run())
  const deploying = settle(node.deploy({ artefact: two }, ANN, onProgress))
  await expect(deploying).rejects.toMatchObject({ code: 'DEPLOY_FAILED' })
  expect(containers.artefacts).toEqual([one, one])
  expect(node.job('counts')).toMatchObject({
    phase: 'running',
    deployment: { release: { artefact: one }, revision: 3 },
  })
  expect(await actions()).toEqual(['deploy', 'deployed', 'deploy', 'undone'])
})

test('a first deploy that fails leaves no job behind', async () => {
  containers.behave = (container) => container.fail(refusal)
  await expect(deploy('one')).rejects.toMatchObject({
    code: 'DEPLOY_FAILED',
    message: expect.stringContaining('STORE_CHANGED'),
  })
  expect(node.jobs).toEqual([])
  expect(containers.alive).toEqual([])
  await restarted()
  expect(node.jobs).toEqual([])
})

test.each([
  [0, 'before the old containers have ended'],
  [1, 'after the old containers have ended'],
])('a deploy that the end of the node interrupts is undone by the next node (%i: %s)', async (stage) => {
  const one = await deploy('one')
  const two = await artefact('two')
  containers.behave = (container) => (stage === 0 ? container.reports.next({ kind: 'waiting' }) : container.run())
  const deploying = node.deploy({ artefact: two }, ANN, onProgress)
  deploying.catch(() => undefined)
  await turns()
  // The process of the node dies with its containers, and the lock is free.
  await settle(node.close())
  containers.behave = (container) => container.run()
  node = await open()
  await turns()
  expect(containers.artefacts).toEqual([one])
  expect(node.job('counts').deployment).toMatchObject({ release: { artefact: one }, trial: null })
  expect(await actions()).toContain('interrupted')
})

test('a container that crashes starts again after a pause, and the job is degraded meanwhile', async () => {
  await deploy('one', 2)
  containers.alive[0]?.fail(crash)
  await turns()
  expect(node.job('counts')).toMatchObject({ phase: 'degraded', error: crash })
  expect(containers.alive).toHaveLength(1)
  still.advance(500)
  await turns()
  expect(containers.alive).toHaveLength(2)
  expect(node.job('counts')).toMatchObject({ phase: 'running', error: null })
})

test('a container that ends by itself starts again, as one that crashes does', async () => {
  await deploy('one')
  containers.alive[0]?.fail(null)
  await turns()
  expect(node.job('counts')).toMatchObject({
    error: { code: 'CONTAINER_ENDED', message: expect.stringContaining('ended by itself') },
  })
  still.advance(500)
  await turns()
  expect(node.job('counts').phase).toBe('running')
})

test('a fault of the node during a deploy is reported, and the deploy is undone', async () => {
  const one = await deploy('one')
  const two = await artefact('two')
  containers.refuse = two
  const deploying = settle(node.deploy({ artefact: two }, ANN, onProgress))
  await expect(deploying).rejects.toMatchObject({
    code: 'DEPLOY_FAILED',
    message: expect.stringContaining('no memory'),
  })
  expect((await node.history('counts')).at(-1)).toMatchObject({ action: 'undone', error: { code: 'INTERNAL_ERROR' } })
  expect(containers.artefacts).toEqual([one])
})

test('a container that crashes each time is given up, with the reason, and the job stays failed until it is started', async () => {
  await deploy('one', 2)
  containers.behave = (container) => (container.spec.container === '1.1' ? container.fail(crash) : container.run())
  containers.alive[0]?.fail(crash)
  for (let second = 0; second < 120; second++) {
    still.advance(1000)
    await turns()
  }
  expect(node.job('counts')).toMatchObject({ phase: 'failed', error: crash, deployment: { desired: 'failed' } })
  expect(containers.alive).toEqual([])
  await restarted()
  expect(node.job('counts').phase).toBe('failed')
  containers.behave = (container) => container.run()
  await settle(node.start('counts', ANN))
  expect(node.job('counts')).toMatchObject({ phase: 'running', error: null })
})

test('a container that does not end within 30 s of a stop is killed', async () => {
  await deploy('one')
  const [container] = containers.alive
  if (container === undefined) throw new Error('a container runs')
  container.hangs = true
  const stopping = node.stop('counts', ANN)
  await turns()
  still.advance(29_999)
  await turns()
  expect(container.killed).toBe(false)
  still.advance(1)
  await stopping
  expect(container.killed).toBe(true)
})

test('a stopped job stays stopped when the node is started again, and starts on request', async () => {
  await deploy('one', 2)
  await settle(node.stop('counts', ANN))
  expect(containers.alive).toEqual([])
  await restarted()
  expect(node.job('counts')).toMatchObject({ phase: 'stopped', containers: [] })
  await settle(node.start('counts', ANN))
  expect(containers.alive).toHaveLength(2)
})

test('more containers are added beside those that run, and the newest are removed first', async () => {
  await deploy('one', 1)
  const [first] = containers.alive
  await settle(node.scale('counts', 3, ANN))
  expect(containers.alive).toHaveLength(3)
  await settle(node.scale('counts', 1, ANN))
  expect(containers.alive).toEqual([first])
  await restarted()
  expect(containers.alive).toHaveLength(1)
  expect(node.job('counts').deployment.revision).toBe(3)
})

test('a rollback returns to the version before with its settings, and a second rollback undoes it', async () => {
  const one = await deploy('one', 1)
  const two = await deploy('two', 2)
  await settle(node.rollback('counts', ANN, onProgress))
  expect(containers.artefacts).toEqual([one])
  await settle(node.rollback('counts', ANN, onProgress))
  expect(containers.artefacts).toEqual([two, two])
})

test('a job that was deployed once cannot be rolled back', async () => {
  await deploy('one')
  await expect(node.rollback('counts', ANN, onProgress)).rejects.toMatchObject({ code: 'BAD_INPUT' })
})

test('a restart replaces the containers by others that run the same', async () => {
  const id = await deploy('one', 2)
  const before = containers.alive
  await settle(node.restart('counts', ANN, onProgress))
  expect(containers.artefacts).toEqual([id, id])
  expect(containers.alive.filter((container) => before.includes(container))).toEqual([])
})

test('one change of a job at a time is accepted', async () => {
  await deploy('one')
  const two = await artefact('two')
  const deploying = node.deploy({ artefact: two }, ANN, onProgress)
  await turns()
  await expect(node.stop('counts', ANN)).rejects.toMatchObject({ code: 'JOB_BUSY' })
  await settle(deploying)
})

test('an undeployed job is gone, also for the next node, and its history stays', async () => {
  await deploy('one')
  await settle(node.undeploy('counts', false, ANN))
  expect(containers.alive).toEqual([])
  expect(() => node.job('counts')).toThrow(expect.objectContaining({ code: 'JOB_MISSING' }))
  await restarted()
  expect(node.jobs).toEqual([])
  expect((await actions()).at(-1)).toBe('undeploy')
})

test('an undeployed job names what it has left, and a purge deletes it', async () => {
  await deploy('one')
  for (const name of ['counts.changelog', 'counts.catalog']) await log.admin.createTopic(name)
  const left = { topics: ['counts.changelog', 'counts.catalog'], stateDirectory: '/data/state/counts' }
  expect(await settle(node.undeploy('counts', false, ANN))).toEqual(left)
  await deploy('one')
  expect(await settle(node.undeploy('counts', true, ANN))).toEqual(left)
  expect((await log.admin.listTopics()).map(({ name }) => name)).toEqual(['millrace.deployments'])
  await deploy('one')
  expect(await settle(node.undeploy('counts', true, ANN))).toEqual({ topics: [], stateDirectory: null })
})

test('an artefact that no job needs is removed an hour after it was sent, and those of a rollback stay', async () => {
  const [one, two] = [await deploy('one'), await deploy('two')]
  const sent = await artefact('sent, not deployed')
  const three = await deploy('three')
  expect(listArtefacts(still.env.files, '/data').sort()).toEqual([one, two, sent, three].sort())
  still.advance(3_600_000)
  const four = await deploy('four')
  expect(listArtefacts(still.env.files, '/data').sort()).toEqual([three, four].sort())
})

test('a deploy that waits for processes that the node has not started is undone', async () => {
  const one = await deploy('one')
  const two = await artefact('two')
  containers.behave = (container) =>
    container.spec.artefact === two ? container.reports.next({ kind: 'waiting' }) : container.run()
  const deploying = settle(node.deploy({ artefact: two }, ANN, onProgress))
  await expect(deploying).rejects.toMatchObject({
    code: 'DEPLOY_FAILED',
    message: expect.stringContaining('has not started'),
  })
  expect(containers.artefacts).toEqual([one])
})

test('of two deploys of a new job at the same time, one is rejected, and the other is done', async () => {
  const id = await artefact('one')
  const first = settle(node.deploy({ artefact: id }, ANN, onProgress))
  await expect(node.deploy({ artefact: id }, ANN, onProgress)).rejects.toMatchObject({ code: 'JOB_BUSY' })
  await first
  expect(node.job('counts').phase).toBe('running')
})

test.each([
  ['containers', 0],
  ['containers', 65],
  ['containers', 1.5],
  ['commitIntervalMs', 0],
  ['commitIntervalMs', 3_600_001],
  ['guarantee', 1],
  ['heapBytesMax', 1024],
])('the setting %s = %d is rejected, and nothing is recorded', async (name, value) => {
  const id = await artefact('one')
  const deploying = node.deploy({ artefact: id, settings: { [name]: value } }, ANN, onProgress)
  await expect(deploying).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining(name) })
  expect(await actions()).toEqual([])
})

test('an artefact that the node does not have is rejected', async () => {
  const deploying = node.deploy({ artefact: 'f'.repeat(64) }, ANN, onProgress)
  await expect(deploying).rejects.toMatchObject({ code: 'ARTEFACT_MISSING' })
})

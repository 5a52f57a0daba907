import { listArtefacts } from '@millrace/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FakeContainer } from './fake-containers.ts'
import { ANN, CRASH, NodeWorld, REFUSAL } from './node-world.ts'

let world: NodeWorld

beforeEach(async () => {
  world = await NodeWorld.open()
})

afterEach(() => world.close())

test('a deployed job runs in as many containers as were requested, and goes on when the node is started again', async () => {
  const id = await world.deploy('one', 2)
  expect(world.node.job('counts')).toMatchObject({ phase: 'running', deployment: { revision: 1, desired: 'running' } })
  expect(world.containers.artefacts).toEqual([id, id])
  await world.restart()
  expect(world.containers.artefacts).toEqual([id, id])
  expect(world.node.job('counts').phase).toBe('running')
  expect((await world.node.history('counts')).history).toMatchObject([
    { action: 'deploy', by: 'ann@laptop', why: 'as asked' },
    { action: 'deployed', by: 'node' },
  ])
})

test('an upgrade replaces one container after the other, and never stops more than one', async () => {
  const one = await world.deploy('one', 3)
  let fewest = 3
  world.containers.behave = (container) => {
    fewest = Math.min(fewest, world.containers.alive.length)
    container.run()
  }
  const two = await world.deploy('two', 3)
  expect(world.containers.artefacts).toEqual([two, two, two])
  expect(fewest).toBe(3)
  expect(world.node.job('counts').deployment).toMatchObject({ revision: 2, previous: { artefact: one } })
})

test('if the new containers must wait, all of them are there before the first of the old ones ends', async () => {
  const one = await world.deploy('one', 2)
  const started: FakeContainer[] = []
  let aliveAtFirstStop = 0
  const old = world.containers.alive
  for (const container of old) {
    void container.ended.then(() => {
      aliveAtFirstStop ||= world.containers.alive.length + 1
      if (old.every(({ hasEnded }) => hasEnded)) for (const next of started) next.run()
    })
  }
  world.containers.behave = (container) => {
    started.push(container)
    container.reports.next({ kind: 'waiting' })
  }
  const two = await world.deploy('two', 2)
  expect(aliveAtFirstStop).toBe(4)
  expect(world.containers.artefacts).toEqual([two, two])
  expect(world.node.job('counts').deployment.previous?.artefact).toBe(one)
})

test.each([
  ['crashes before it runs', (container: FakeContainer) => container.fail(CRASH)],
  ['is refused', (container: FakeContainer) => container.fail(REFUSAL)],
  [
    'crashes a second after it ran',
    (container: FakeContainer) => {
      container.run()
      world.still.env.timers.after(1000, () => container.fail(CRASH))
    },
  ],
])('a version that %s is undone, and the version before runs again', async (_what, behave) => {
  const one = await world.deploy('one', 2)
  const two = await world.artefact('two')
  world.containers.behave = (container) => (container.spec.artefact === two ? behave(container) : container.run())
  const deploying = world.settle(world.node.deploy({ artefact: two }, ANN, world.onProgress))
  await expect(deploying).rejects.toMatchObject({ code: 'DEPLOY_FAILED' })
  expect(world.containers.artefacts).toEqual([one, one])
  expect(world.node.job('counts')).toMatchObject({
    phase: 'running',
    deployment: { release: { artefact: one }, revision: 3 },
  })
  expect(await world.actions()).toEqual(['deploy', 'deployed', 'deploy', 'undone'])
})

test('a first deploy that fails leaves no job behind', async () => {
  world.containers.behave = (container) => container.fail(REFUSAL)
  await expect(world.deploy('one')).rejects.toMatchObject({
    code: 'DEPLOY_FAILED',
    message: expect.stringContaining('STORE_CHANGED'),
  })
  expect(world.node.jobs).toEqual([])
  expect(world.containers.alive).toEqual([])
  await world.restart()
  expect(world.node.jobs).toEqual([])
})

test.each([
  [0, 'before the old containers have ended'],
  [1, 'after the old containers have ended'],
])('a deploy that the end of the node interrupts is undone by the next node (%i: %s)', async (stage) => {
  const one = await world.deploy('one')
  const two = await world.artefact('two')
  world.containers.behave = (container) => (stage === 0 ? container.reports.next({ kind: 'waiting' }) : container.run())
  const deploying = world.node.deploy({ artefact: two }, ANN, world.onProgress)
  deploying.catch(() => undefined)
  await world.turns()
  // The containers of the dead node have ended, and its lock is free.
  world.containers.behave = (container) => container.run()
  await world.restart()
  expect(world.containers.artefacts).toEqual([one])
  expect(world.node.job('counts').deployment).toMatchObject({ release: { artefact: one }, trial: null })
  expect(await world.actions()).toContain('interrupted')
})

test('a rollback returns to the version before with its settings, and a second rollback undoes it', async () => {
  const one = await world.deploy('one', 1)
  const two = await world.deploy('two', 2)
  await world.settle(world.node.rollback('counts', ANN, world.onProgress))
  expect(world.containers.artefacts).toEqual([one])
  await world.settle(world.node.rollback('counts', ANN, world.onProgress))
  expect(world.containers.artefacts).toEqual([two, two])
})

test('a job that was deployed once cannot be rolled back', async () => {
  await world.deploy('one')
  await expect(world.node.rollback('counts', ANN, world.onProgress)).rejects.toMatchObject({ code: 'BAD_INPUT' })
})

test('one change of a job at a time is accepted', async () => {
  await world.deploy('one')
  const two = await world.artefact('two')
  const deploying = world.node.deploy({ artefact: two }, ANN, world.onProgress)
  await world.turns()
  await expect(world.node.stop('counts', ANN)).rejects.toMatchObject({ code: 'JOB_BUSY' })
  await world.settle(deploying)
})

test('an undeployed job is gone, also for the next node, and its history stays', async () => {
  await world.deploy('one')
  await world.settle(world.node.undeploy('counts', false, ANN))
  expect(world.containers.alive).toEqual([])
  expect(() => world.node.job('counts')).toThrow(expect.objectContaining({ code: 'JOB_MISSING' }))
  await world.restart()
  expect(world.node.jobs).toEqual([])
  expect((await world.actions()).at(-1)).toBe('undeploy')
})

test('an undeployed job names what it has left, and a purge deletes it', async () => {
  await world.deploy('one')
  for (const name of ['counts.changelog', 'counts.catalog']) await world.log.admin.createTopic(name)
  const left = { topics: ['counts.changelog', 'counts.catalog'], stateDirectory: '/data/state/counts' }
  expect(await world.settle(world.node.undeploy('counts', false, ANN))).toEqual(left)
  await world.deploy('one')
  expect(await world.settle(world.node.undeploy('counts', true, ANN))).toEqual(left)
  expect((await world.log.admin.listTopics()).map(({ name }) => name)).toEqual(['millrace.deployments'])
  await world.deploy('one')
  expect(await world.settle(world.node.undeploy('counts', true, ANN))).toEqual({ topics: [], stateDirectory: null })
})

test('an artefact that no job needs is removed an hour after it was sent, and those of a rollback stay', async () => {
  const [one, two] = [await world.deploy('one'), await world.deploy('two')]
  const sent = await world.artefact('sent, not deployed')
  const three = await world.deploy('three')
  expect(listArtefacts(world.still.env.files, '/data').sort()).toEqual([one, two, sent, three].sort())
  world.still.advance(3_600_000)
  const four = await world.deploy('four')
  expect(listArtefacts(world.still.env.files, '/data').sort()).toEqual([three, four].sort())
})

test('a deploy that waits for processes that the node has not started is undone', async () => {
  const one = await world.deploy('one')
  const two = await world.artefact('two')
  world.containers.behave = (container) =>
    container.spec.artefact === two ? container.reports.next({ kind: 'waiting' }) : container.run()
  const deploying = world.settle(world.node.deploy({ artefact: two }, ANN, world.onProgress))
  await expect(deploying).rejects.toMatchObject({
    code: 'DEPLOY_FAILED',
    message: expect.stringContaining('has not started'),
  })
  expect(world.containers.artefacts).toEqual([one])
})

test('of two deploys of a new job at the same time, one is rejected, and the other is done', async () => {
  const id = await world.artefact('one')
  const first = world.settle(world.node.deploy({ artefact: id }, ANN, world.onProgress))
  await expect(world.node.deploy({ artefact: id }, ANN, world.onProgress)).rejects.toMatchObject({ code: 'JOB_BUSY' })
  await first
  expect(world.node.job('counts').phase).toBe('running')
})

test('an artefact that the node does not have is rejected', async () => {
  const deploying = world.node.deploy({ artefact: 'f'.repeat(64) }, ANN, world.onProgress)
  await expect(deploying).rejects.toMatchObject({ code: 'ARTEFACT_MISSING' })
})

test('a deploy that fails while one of the containers before it stops leaves as many as there were', async () => {
  const one = await world.deploy('one')
  const [old] = world.containers.all
  if (old === undefined) throw new Error('There is a container')
  old.hangs = true
  const two = await world.artefact('two')
  world.containers.behave = (container) => {
    container.run()
    if (container.spec.artefact !== two) return
    const failLater = () => {
      if (old.stopRequested) container.fail(CRASH)
      else setImmediate(failLater)
    }
    failLater()
  }
  const deploying = world.settle(world.node.deploy({ artefact: two }, ANN, world.onProgress))
  await expect(deploying).rejects.toMatchObject({ code: 'DEPLOY_FAILED' })
  expect(old.hasEnded).toBe(true)
  expect(world.containers.artefacts).toEqual([one])
})

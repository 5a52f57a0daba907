import { afterEach, beforeEach, expect, test } from 'vitest'
import { ANN, CRASH, NodeWorld } from './node-world.ts'

const NO_COUNTS = {
  processed: 0,
  repartitioned: 0,
  emitted: 0,
  late: 0,
  duplicates: 0,
  undecodable: 0,
  keyless: 0,
  failed: 0,
  deadLettered: 0,
  repeats: 0,
  restored: 0,
  commits: 0,
}

let world: NodeWorld

beforeEach(async () => {
  world = await NodeWorld.open()
})

afterEach(() => world.close())

test('a second node of a directory is refused, and names the first', async () => {
  await expect(world.openNode()).rejects.toMatchObject({ code: 'NODE_RUNNING' })
})

test('a container that crashes starts again after a pause, and the job is degraded meanwhile', async () => {
  await world.deploy('one', 2)
  world.containers.alive[0]?.fail(CRASH)
  await world.turns()
  expect(world.node.job('counts')).toMatchObject({ phase: 'degraded', error: CRASH })
  expect(world.containers.alive).toHaveLength(1)
  world.still.advance(500)
  await world.turns()
  expect(world.containers.alive).toHaveLength(2)
  expect(world.node.job('counts')).toMatchObject({ phase: 'running', error: null })
})

test('a container that ends by itself starts again, as one that crashes does', async () => {
  await world.deploy('one')
  world.containers.alive[0]?.fail(null)
  await world.turns()
  expect(world.node.job('counts')).toMatchObject({
    error: { code: 'CONTAINER_ENDED', message: expect.stringContaining('ended by itself') },
  })
  world.still.advance(500)
  await world.turns()
  expect(world.node.job('counts').phase).toBe('running')
})

test('a fault of the node during a deploy is reported, and the deploy is undone', async () => {
  const one = await world.deploy('one')
  const two = await world.artefact('two')
  world.containers.refuse = two
  const deploying = world.settle(world.node.deploy({ artefact: two }, ANN, world.onProgress))
  await expect(deploying).rejects.toMatchObject({
    code: 'DEPLOY_FAILED',
    message: expect.stringContaining('no memory'),
  })
  expect((await world.node.history('counts')).history.at(-1)).toMatchObject({
    action: 'undone',
    error: { code: 'INTERNAL_ERROR' },
  })
  expect(world.containers.artefacts).toEqual([one])
})

test.each([
  ['is undone', 1],
  ['is undone, and again by the next node, if that cannot be recorded either', 2],
])('a deploy whose end cannot be recorded %s', async (_, failures) => {
  const one = await world.deploy('one')
  const two = await world.artefact('two')
  world.containers.behave = (container) => {
    container.run()
    if (container.spec.artefact === two) world.unrecorded = failures
  }
  const deploying = world.settle(world.node.deploy({ artefact: two }, ANN, world.onProgress))
  await expect(deploying).rejects.toMatchObject({
    code: 'DEPLOY_FAILED',
    message: 'The disk fails. What ran before is running again',
  })
  const undone = { phase: 'running', deployment: { release: { artefact: one }, revision: 3, trial: null } }
  expect(world.node.job('counts')).toMatchObject(undone)
  expect(world.containers.artefacts).toEqual([one])
  await world.restart()
  expect(world.node.job('counts')).toMatchObject(undone)
  expect(world.containers.artefacts).toEqual([one])
  const actions = (await world.node.history('counts')).history.map(({ action }) => action)
  expect(actions).toEqual(['deploy', 'deployed', 'deploy', failures === 1 ? 'undone' : 'interrupted'])
})

test('a container that crashes each time is given up, with the reason, and the job stays failed until it is started', async () => {
  await world.deploy('one', 2)
  world.containers.behave = (container) =>
    container.spec.container === '1.1' ? container.fail(CRASH) : container.run()
  world.containers.alive[0]?.fail(CRASH)
  for (let second = 0; second < 120; second++) {
    world.still.advance(1000)
    await world.turns()
  }
  expect(world.node.job('counts')).toMatchObject({ phase: 'failed', error: CRASH, deployment: { desired: 'failed' } })
  expect(world.containers.alive).toEqual([])
  await world.restart()
  expect(world.node.job('counts').phase).toBe('failed')
  world.containers.behave = (container) => container.run()
  await world.settle(world.node.start('counts', ANN))
  expect(world.node.job('counts')).toMatchObject({ phase: 'running', error: null })
})

test('a container that does not end within 30 s of a stop is killed', async () => {
  await world.deploy('one')
  const [container] = world.containers.alive
  if (container === undefined) throw new Error('a container runs')
  container.hangs = true
  const stopping = world.node.stop('counts', ANN)
  await world.turns()
  world.still.advance(29_999)
  await world.turns()
  expect(container.killed).toBe(false)
  world.still.advance(1)
  await stopping
  expect(container.killed).toBe(true)
})

test('a stopped job stays stopped when the node is started again, and starts on request', async () => {
  await world.deploy('one', 2)
  await world.settle(world.node.stop('counts', ANN))
  expect(world.containers.alive).toEqual([])
  await world.restart()
  expect(world.node.job('counts')).toMatchObject({ phase: 'stopped', containers: [] })
  await world.settle(world.node.start('counts', ANN))
  expect(world.containers.alive).toHaveLength(2)
})

test('more containers are added beside those that run, and the newest are removed first', async () => {
  await world.deploy('one', 1)
  const [first] = world.containers.alive
  await world.settle(world.node.scale('counts', { containers: 3 }, ANN))
  expect(world.containers.alive).toHaveLength(3)
  await world.settle(world.node.scale('counts', { containers: 1 }, ANN))
  expect(world.containers.alive).toEqual([first])
  await world.restart()
  expect(world.containers.alive).toHaveLength(1)
  expect(world.node.job('counts').deployment.revision).toBe(3)
})

test('a job that is scaled by its lag gets containers while it is behind, with the reason in its history', async () => {
  await world.deploy('one', 1)
  await world.settle(world.node.scale('counts', { auto: { min: 1, max: 2 } }, ANN))
  const inputs = [{ topic: 'numbers', partition: 0, offset: 0, endOffset: 50_000 }]
  const counts = { ...NO_COUNTS, processed: 0 }
  const tasks = [0, 1, 2].map((partition) => ({
    task: `counts-${partition}`,
    subtopology: 'counts',
    partition,
    inputs,
    watermark: null,
    counts,
  }))
  world.containers.alive[0]?.reports.next({
    kind: 'status',
    status: { job: 'counts', phase: 'running', atMs: 0, tasks, problems: [] },
  })
  expect(world.node.job('counts').lag).toBe(150_000)
  for (let look = 0; look < 3; look++) {
    expect(world.containers.alive).toHaveLength(1)
    world.still.advance(5000)
    await world.turns()
  }
  expect(world.containers.alive).toHaveLength(2)
  expect((await world.node.history('counts')).history.at(-1)).toMatchObject({
    action: 'scale',
    by: 'node',
    why: 'The lag is 150000 records, at 0 records per second',
  })
  await world.settle(world.node.scale('counts', { containers: 1 }, ANN))
  expect(world.node.job('counts').deployment.release.settings).toMatchObject({ containers: 1, auto: null })
})

test('a restart replaces the containers by others that run the same', async () => {
  const id = await world.deploy('one', 2)
  const before = world.containers.alive
  await world.settle(world.node.restart('counts', ANN, world.onProgress))
  expect(world.containers.artefacts).toEqual([id, id])
  expect(world.containers.alive.filter((container) => before.includes(container))).toEqual([])
})

test.each([
  ['containers', 0],
  ['containers', 65],
  ['containers', 1.5],
  ['commitIntervalMs', 0],
  ['commitIntervalMs', 3_600_001],
  ['guarantee', 1],
  ['standbys', -1],
  ['standbys', 64],
  ['auto', { min: 2, max: 1 }],
  ['auto', { min: 0, max: 1 }],
  ['auto', { min: 1, max: 65 }],
  ['heapBytesMax', 1024],
  ['diskBytesMax', 0],
])('the setting %s = %j is rejected, and nothing is recorded', async (name, value) => {
  const id = await world.artefact('one')
  const deploying = world.node.deploy({ artefact: id, settings: { [name]: value } }, ANN, world.onProgress)
  await expect(deploying).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining(name) })
  expect(await world.actions()).toEqual([])
})

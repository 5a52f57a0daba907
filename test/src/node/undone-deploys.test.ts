import { startContainer } from '@millrace/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ANN, CountingNode, changedJob } from './counting-node.ts'

let world: CountingNode

beforeEach(async () => {
  world = await CountingNode.open()
})

afterEach(() => world.close())

test('a rollback from a version that has changed the stores returns to the state before it, and a second one to the state after', async () => {
  await world.count(3)
  await world.node.deploy({ artefact: await world.artefact('two') }, ANN, () => undefined)
  expect(world.savepointNames).toEqual(['before-revision-2'])
  await world.count(4, changedJob)
  expect(await world.stores()).toEqual(['counts', 'sums'])
  const steps: string[] = []
  await world.node.rollback('counts', ANN, (step) => steps.push(step))
  expect(steps[0]).toMatch(/changed the stores.*before-revision-2/)
  expect(world.containers.artefacts).toEqual([world.one])
  expect(await world.stores()).toEqual(['counts'])
  expect(await world.counted()).toBe(3)
  await world.count(1)
  expect(await world.counted()).toBe(8)
  await world.node.rollback('counts', ANN, () => undefined)
  expect(await world.stores()).toEqual(['counts', 'sums'])
  expect(await world.counted()).toBe(7)
  expect(world.savepointNames.filter((name) => name.startsWith('before'))).toEqual(['before-revision-4'])
})

test('a job whose containers have never got as far as its stores is deployed again without a savepoint', async () => {
  await world.log.admin.createTopic('counts.catalog')
  await world.node.deploy({ artefact: await world.artefact('two') }, ANN, () => undefined)
  expect(world.node.job('counts').phase).toBe('running')
  expect(world.savepointNames).toEqual([])
})

test('a rollback from a version that has the same stores keeps what was processed since', async () => {
  await world.count(3)
  await world.node.deploy({ artefact: await world.artefact('two') }, ANN, () => undefined)
  await world.count(4)
  await world.node.rollback('counts', ANN, () => undefined)
  expect(world.containers.artefacts).toEqual([world.one])
  expect(await world.counted()).toBe(7)
})

test('a restart that fails does not return to how the job was before its last deploy', async () => {
  await world.count(3)
  await world.node.deploy({ artefact: await world.artefact('two') }, ANN, () => undefined)
  await world.count(4, changedJob)
  world.containers.behave = (container) => container.fail({ code: 'CONTAINER_ENDED', message: 'no memory' })
  await expect(world.node.restart('counts', ANN, () => undefined)).rejects.toMatchObject({ code: 'DEPLOY_FAILED' })
  expect(await world.counted()).toBe(7)
})

test.each(['fails', 'is interrupted by the end of the node'])(
  'a deploy that has changed the stores and then %s leaves the state as it was before',
  async (how) => {
    await world.count(3)
    const two = await world.artefact('two')
    const changed = Promise.withResolvers<void>()
    world.containers.behave = (container) => {
      if (container.spec.artefact !== two) return container.run()
      container.reports.next({ kind: 'waiting' })
      // As the group would: it waits until the others have ended.
      const others = world.containers.all.filter(({ spec }) => spec.artefact === world.one)
      void Promise.all(others.map(({ ended }) => ended)).then(async () => {
        await world.count(4, changedJob)
        changed.resolve()
        if (how === 'fails') container.fail({ code: 'CONTAINER_ENDED', message: 'a callback failed' })
      })
    }
    const deploying = world.node.deploy({ artefact: two, acceptLoss: ['sums'] }, ANN, () => undefined)
    deploying.catch(() => undefined)
    await changed.promise
    if (how !== 'fails') {
      await world.node.close()
      await world.openNode()
    }
    await expect(deploying).rejects.toMatchObject({ code: how === 'fails' ? 'DEPLOY_FAILED' : 'SERVER_CLOSING' })
    expect(world.node.job('counts').deployment).toMatchObject({ release: { artefact: world.one }, trial: null })
    expect(await world.stores()).toEqual(['counts'])
    expect(await world.counted()).toBe(3)
    expect(world.savepointNames).toEqual(['savepoint-1'])
    // The loss was accepted for the other version, and this one may not even have the store.
    expect(world.containers.alive.map(({ spec }) => spec)).toMatchObject([{ artefact: world.one, acceptLoss: [] }])
  },
)

/** A deploy of a version that changes the stores, and then fails. */
async function failedDeploy(): Promise<void> {
  const two = await world.artefact('two')
  world.containers.behave = (container) => {
    if (container.spec.artefact !== two) return container.run()
    const others = world.containers.all.filter(({ spec }) => spec.artefact === world.one)
    void Promise.all(others.map(({ ended }) => ended)).then(async () => {
      await world.count(4, changedJob)
      container.fail({ code: 'CONTAINER_ENDED', message: 'a callback failed' })
    })
    container.reports.next({ kind: 'waiting' })
  }
  await expect(world.node.deploy({ artefact: two }, ANN, () => undefined)).rejects.toMatchObject({
    code: 'DEPLOY_FAILED',
  })
}

test('a first deploy that fails leaves the state that the job had before it was deployed', async () => {
  await world.count(3)
  await world.node.undeploy('counts', false, ANN)
  await failedDeploy()
  expect(world.node.jobs).toEqual([])
  expect(await world.stores()).toEqual(['counts'])
  expect(world.savepointNames).toEqual([])
})

test('a return that has failed is done before the job starts again', async () => {
  await world.count(3)
  world.faults.diskFails = true
  await failedDeploy()
  expect(world.node.job('counts').deployment).toMatchObject({ desired: 'failed', returnTo: 'before-revision-2' })
  world.faults.diskFails = false
  await world.node.start('counts', ANN)
  expect(world.node.job('counts').deployment).not.toHaveProperty('returnTo')
  expect(await world.stores()).toEqual(['counts'])
  expect(await world.counted()).toBe(3)
})

test('a rollback that the end of the node interrupts can be requested again', async () => {
  await world.count(3)
  const two = await world.artefact('two')
  await world.node.deploy({ artefact: two }, ANN, () => undefined)
  await world.count(4, changedJob)
  const begun = Promise.withResolvers<void>()
  world.containers.behave = () => begun.resolve()
  const rollback = world.node.rollback('counts', ANN, () => undefined)
  rollback.catch(() => undefined)
  await begun.promise
  await world.node.close()
  world.containers.behave = (container) => container.run()
  await world.openNode()
  expect(world.node.job('counts').deployment.release.artefact).toBe(two)
  expect(await world.counted()).toBe(7)
  await world.node.rollback('counts', ANN, () => undefined)
  expect(world.node.job('counts').deployment.release.artefact).toBe(world.one)
  expect(await world.stores()).toEqual(['counts'])
})

test('a node that undoes a deploy waits until the containers of the node before it have left', async () => {
  await world.count(3)
  const two = await world.artefact('two')
  world.containers.behave = (container) => {
    if (container.spec.artefact !== two) container.run()
  }
  const begun = Promise.withResolvers<void>()
  const deploying = world.node.deploy({ artefact: two }, ANN, () => begun.resolve())
  deploying.catch(() => undefined)
  await begun.promise
  await world.node.close()
  const left = await startContainer({ ...world.run, job: changedJob, acceptLoss: ['sums'] })
  world.containers.behave = (container) => container.run()
  world.faults.waits = () => void left.stop()
  await world.openNode()
  expect(world.node.job('counts').deployment).toMatchObject({ desired: 'running', release: { artefact: world.one } })
  expect(await world.stores()).toEqual(['counts'])
})

test('a change that the disk refuses has a code, and changes nothing', async () => {
  await world.count(3)
  world.faults.isFull = true
  await expect(world.node.savepoint('counts', 's', ANN)).rejects.toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    message: expect.stringContaining('ENOSPC'),
  })
  world.faults.isFull = false
  expect(world.savepointNames).toEqual([])
})

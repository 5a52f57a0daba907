import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { openFileLog } from '@millrace/connectors/file'
import { type Env, job, json, type Log, openTopicWriter, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import {
  deleteSavepoint,
  encodeArtefact,
  knownJobs,
  listSavepoints,
  makeArtefact,
  Node,
  startContainer,
} from '@millrace/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeContainers } from './fake-containers.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const theJob = job('counts', stream(numbers).groupByKey().count('counts'))
/** Another version, which has one store more. */
const changedJob = job(
  'counts',
  stream(numbers).groupByKey().count('counts'),
  stream(numbers)
    .groupByKey()
    .reduce('sums', (a, b) => a + b),
)
const ANN = { by: 'ann@laptop', why: 'as asked' }

let directory: string
let log: Log
let containers: FakeContainers
let node: Node
let one: string
/** Whether calls that change savepoints and topics fail. */
let diskFails: boolean
/** Whether it cannot be noted that a restore is done. */
let endFails: boolean
/** Whether no savepoint can be renamed into place. */
let isFull: boolean
/** Called when the node waits. */
let waits: (() => void) | undefined

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-restores-`)
  diskFails = false
  endFails = false
  isFull = false
  waits = undefined
  log = await openFileLog({ directory, env: failingEnv(), durability: 'os' })
  await log.admin.createTopic('numbers')
  containers = new FakeContainers()
  node = await open()
  one = await artefact('one')
  await node.deploy({ artefact: one }, ANN, () => undefined)
})

afterEach(async () => {
  await node.close()
  await log.close()
  rmSync(directory, { recursive: true })
})

function open(): Promise<Node> {
  return Node.open({ log, env: failingEnv(), data: directory, start: containers.start, healthyAfterMs: 1 })
}

/** An environment in which, on request, the last steps of a restore cannot be done. */
function failingEnv(): Env {
  const env = nodeEnv()
  return {
    ...env,
    timers: {
      ...env.timers,
      after: (delayMs, callback) => {
        waits?.()
        return env.timers.after(delayMs, callback)
      },
    },
    files: {
      ...env.files,
      rename: (from, to) => {
        if (isFull && /\/\.making-[^/]+$/.test(from)) {
          throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', syscall: 'rename' })
        }
        if (diskFails && to.includes('/topics/.removing-')) throw Object.assign(new Error('EIO'), { code: 'EIO' })
        env.files.rename(from, to)
      },
      remove: (path) => {
        if (endFails && path.endsWith('/.restoring')) throw Object.assign(new Error('EIO'), { code: 'EIO' })
        env.files.remove(path)
      },
    },
  }
}

async function artefact(code: string): Promise<string> {
  const contents = new Map([
    ['job.mjs', Buffer.from(code)],
    ['job.mjs.map', Buffer.from('{}')],
  ])
  const made = makeArtefact(theJob, { millrace: '1', source: 'job.ts', externals: [], contents })
  return node.storeArtefact(encodeArtefact(made))
}

/** What the containers of the job would do, if they were not fake: counts so many more records. */
async function count(records: number, version = theJob): Promise<void> {
  const writer = await openTopicWriter(log, numbers)
  await writer.sendAll(Array.from({ length: records }, () => ({ key: 'a', value: 1 })))
  await (
    await startContainer({ ...run(), job: version, acceptLoss: version === theJob ? [] : ['sums'], untilEnd: true })
  ).done
}

const run = () => ({ job: theJob, log, env: nodeEnv(), stateDirectory: `${directory}/state` })

/** How many records are processed now, and in how many of them the job stands for. */
async function counted(): Promise<unknown> {
  const { position } = await node.savepoint('counts', undefined, ANN)
  return position['numbers']?.[0]
}

const savepoints = () => ({ ...run(), job: 'counts', data: directory })

const actions = async () => (await node.history('counts')).map(({ action }) => action)

test('a job is stopped, set back and started again, and a stopped job stays stopped', async () => {
  await count(3)
  await node.savepoint('counts', 's', ANN)
  await count(4)
  const [before] = containers.alive
  const steps: string[] = []
  const report = await node.restoreSavepoint('counts', 's', {}, ANN, (step) => steps.push(step))
  expect(report.phase).toBe('running')
  expect(steps).toEqual(['Stops the job', 'Sets the job back to savepoint s'])
  expect(before?.stopRequested).toBe(true)
  expect(containers.alive).toHaveLength(1)
  expect(await counted()).toBe(3)
  await node.stop('counts', ANN)
  expect((await node.restoreSavepoint('counts', 's', {}, ANN, () => undefined)).phase).toBe('stopped')
  expect((await actions()).slice(2)).toEqual(
    'savepoint,restore savepoint,restored savepoint,savepoint,stop,restore savepoint,restored savepoint'.split(','),
  )
})

test('a job is rewound to the start of its inputs, where it may also have other stores', async () => {
  await count(3)
  const steps: string[] = []
  const report = await node.rewind('counts', {}, ANN, (step) => steps.push(step))
  expect(report.phase).toBe('running')
  expect(steps.at(-1)).toBe('Sets the job back to the start of its inputs')
  expect(await counted()).toBeUndefined()
  // No store may start empty, and none has to.
  await (await startContainer({ ...run(), job: changedJob, untilEnd: true })).done
  expect(await counted()).toBe(3)
  expect(await stores()).toEqual(['counts', 'sums'])
  expect((await actions()).filter((action) => action.startsWith('rew'))).toEqual(['rewind', 'rewound'])
})

test('a savepoint that does not exist is refused, and the job goes on', async () => {
  await count(1)
  const restoring = node.restoreSavepoint('counts', 's', {}, ANN, () => undefined)
  await expect(restoring).rejects.toMatchObject({ code: 'SAVEPOINT_MISSING' })
  expect(containers.alive.map(({ stopRequested }) => stopRequested)).toEqual([false])
})

test.each(['start', 'the next node'])('a restore that fails in the middle is finished by %s', async (by) => {
  await count(3)
  await node.savepoint('counts', 's', ANN)
  await count(4)
  diskFails = true
  await expect(node.restoreSavepoint('counts', 's', {}, ANN, () => undefined)).rejects.toMatchObject({
    code: 'LOG_WRITE_FAILED',
  })
  expect(node.job('counts')).toMatchObject({ phase: 'failed', error: { code: 'LOG_WRITE_FAILED' } })
  expect(containers.alive).toEqual([])
  await expect(startContainer(run())).rejects.toMatchObject({
    code: 'RESTORE_UNFINISHED',
  })
  await expect(node.start('counts', ANN)).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' })
  const inUse = node.deleteSavepoint('counts', 's', ANN)
  await expect(inUse).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' })
  await expect(deleteSavepoint(savepoints(), 's')).rejects.toMatchObject({ code: 'JOB_BUSY' })
  diskFails = false
  if (by !== 'start') {
    await node.close()
    node = await open()
  }
  await node.start('counts', ANN)
  expect(containers.alive).toHaveLength(1)
  expect(await counted()).toBe(3)
  expect(listSavepoints(savepoints()).map(({ name }) => name)).toContain('s')
})

test('a restore that is done, but for the note of it, is not done again when the job has continued', async () => {
  await count(3)
  await node.savepoint('counts', 's', ANN)
  await count(4)
  endFails = true
  await expect(node.restoreSavepoint('counts', 's', {}, ANN, () => undefined)).rejects.toThrow('EIO')
  await count(2)
  endFails = false
  await node.start('counts', ANN)
  expect(await counted()).toBe(9)
})

/** The stores of the job, as its catalog has them. */
async function stores(): Promise<readonly string[]> {
  const [known] = await knownJobs({ log, env: nodeEnv() }, 'counts')
  return known?.stores ?? []
}

const savepointNames = () => listSavepoints(savepoints()).map(({ name }) => name)

test('a rollback from a version that has changed the stores returns to the state before it, and a second one to the state after', async () => {
  await count(3)
  await node.deploy({ artefact: await artefact('two') }, ANN, () => undefined)
  expect(savepointNames()).toEqual(['before-revision-2'])
  await count(4, changedJob)
  expect(await stores()).toEqual(['counts', 'sums'])
  const steps: string[] = []
  await node.rollback('counts', ANN, (step) => steps.push(step))
  expect(steps[0]).toMatch(/changed the stores.*before-revision-2/)
  expect(containers.artefacts).toEqual([one])
  expect(await stores()).toEqual(['counts'])
  expect(await counted()).toBe(3)
  await count(1)
  expect(await counted()).toBe(8)
  await node.rollback('counts', ANN, () => undefined)
  expect(await stores()).toEqual(['counts', 'sums'])
  expect(await counted()).toBe(7)
  expect(savepointNames().filter((name) => name.startsWith('before'))).toEqual(['before-revision-4'])
})

test('a job whose containers have never got as far as its stores is deployed again without a savepoint', async () => {
  await log.admin.createTopic('counts.catalog')
  await node.deploy({ artefact: await artefact('two') }, ANN, () => undefined)
  expect(node.job('counts').phase).toBe('running')
  expect(savepointNames()).toEqual([])
})

test('a rollback from a version that has the same stores keeps what was processed since', async () => {
  await count(3)
  await node.deploy({ artefact: await artefact('two') }, ANN, () => undefined)
  await count(4)
  await node.rollback('counts', ANN, () => undefined)
  expect(containers.artefacts).toEqual([one])
  expect(await counted()).toBe(7)
})

test('a restart that fails does not return to how the job was before its last deploy', async () => {
  await count(3)
  await node.deploy({ artefact: await artefact('two') }, ANN, () => undefined)
  await count(4, changedJob)
  containers.behave = (container) => container.fail({ code: 'CONTAINER_ENDED', message: 'no memory' })
  await expect(node.restart('counts', ANN, () => undefined)).rejects.toMatchObject({ code: 'DEPLOY_FAILED' })
  expect(await counted()).toBe(7)
})

test.each(['fails', 'is interrupted by the end of the node'])(
  'a deploy that has changed the stores and then %s leaves the state as it was before',
  async (how) => {
    await count(3)
    const two = await artefact('two')
    const changed = Promise.withResolvers<void>()
    containers.behave = (container) => {
      if (container.spec.artefact !== two) return container.run()
      container.reports.next({ kind: 'waiting' })
      // As the group would: it waits until the others have ended.
      const others = containers.all.filter(({ spec }) => spec.artefact === one)
      void Promise.all(others.map(({ ended }) => ended)).then(async () => {
        await count(4, changedJob)
        changed.resolve()
        if (how === 'fails') container.fail({ code: 'CONTAINER_ENDED', message: 'a callback failed' })
      })
    }
    const deploying = node.deploy({ artefact: two, acceptLoss: ['sums'] }, ANN, () => undefined)
    deploying.catch(() => undefined)
    await changed.promise
    if (how !== 'fails') {
      await node.close()
      node = await open()
    }
    await expect(deploying).rejects.toMatchObject({ code: how === 'fails' ? 'DEPLOY_FAILED' : 'SERVER_CLOSING' })
    expect(node.job('counts').deployment).toMatchObject({ release: { artefact: one }, trial: null })
    expect(await stores()).toEqual(['counts'])
    expect(await counted()).toBe(3)
    expect(savepointNames()).toEqual(['savepoint-1'])
    // The loss was accepted for the other version, and this one may not even have the store.
    expect(containers.alive.map(({ spec }) => spec)).toMatchObject([{ artefact: one, acceptLoss: [] }])
  },
)

/** A deploy of a version that changes the stores, and then fails. */
async function failedDeploy(): Promise<void> {
  const two = await artefact('two')
  containers.behave = (container) => {
    if (container.spec.artefact !== two) return container.run()
    const others = containers.all.filter(({ spec }) => spec.artefact === one)
    void Promise.all(others.map(({ ended }) => ended)).then(async () => {
      await count(4, changedJob)
      container.fail({ code: 'CONTAINER_ENDED', message: 'a callback failed' })
    })
    container.reports.next({ kind: 'waiting' })
  }
  await expect(node.deploy({ artefact: two }, ANN, () => undefined)).rejects.toMatchObject({ code: 'DEPLOY_FAILED' })
}

test('a first deploy that fails leaves the state that the job had before it was deployed', async () => {
  await count(3)
  await node.undeploy('counts', false, ANN)
  await failedDeploy()
  expect(node.jobs).toEqual([])
  expect(await stores()).toEqual(['counts'])
  expect(savepointNames()).toEqual([])
})

test('a return that has failed is done before the job starts again', async () => {
  await count(3)
  diskFails = true
  await failedDeploy()
  expect(node.job('counts').deployment).toMatchObject({ desired: 'failed', returnTo: 'before-revision-2' })
  diskFails = false
  await node.start('counts', ANN)
  expect(node.job('counts').deployment).not.toHaveProperty('returnTo')
  expect(await stores()).toEqual(['counts'])
  expect(await counted()).toBe(3)
})

test('a rollback that the end of the node interrupts can be requested again', async () => {
  await count(3)
  const two = await artefact('two')
  await node.deploy({ artefact: two }, ANN, () => undefined)
  await count(4, changedJob)
  const begun = Promise.withResolvers<void>()
  containers.behave = () => begun.resolve()
  const rollback = node.rollback('counts', ANN, () => undefined)
  rollback.catch(() => undefined)
  await begun.promise
  await node.close()
  containers.behave = (container) => container.run()
  node = await open()
  expect(node.job('counts').deployment.release.artefact).toBe(two)
  expect(await counted()).toBe(7)
  await node.rollback('counts', ANN, () => undefined)
  expect(node.job('counts').deployment.release.artefact).toBe(one)
  expect(await stores()).toEqual(['counts'])
})

test('a node that undoes a deploy waits until the containers of the node before it have left', async () => {
  await count(3)
  const two = await artefact('two')
  containers.behave = (container) => {
    if (container.spec.artefact !== two) container.run()
  }
  const begun = Promise.withResolvers<void>()
  const deploying = node.deploy({ artefact: two }, ANN, () => begun.resolve())
  deploying.catch(() => undefined)
  await begun.promise
  await node.close()
  const left = await startContainer({ ...run(), job: changedJob, acceptLoss: ['sums'] })
  containers.behave = (container) => container.run()
  waits = () => void left.stop()
  node = await open()
  expect(node.job('counts').deployment).toMatchObject({ desired: 'running', release: { artefact: one } })
  expect(await stores()).toEqual(['counts'])
})

test('a change that the disk refuses has a code, and changes nothing', async () => {
  await count(3)
  isFull = true
  await expect(node.savepoint('counts', 's', ANN)).rejects.toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    message: expect.stringContaining('ENOSPC'),
  })
  isFull = false
  expect(savepointNames()).toEqual([])
})

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
  parseRewindPlace,
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

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-restores-`)
  diskFails = false
  endFails = false
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
    files: {
      ...env.files,
      rename: (from, to) => {
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

const actions = async () => (await node.history('counts')).history.map(({ action }) => action)

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
  const report = await node.rewind('counts', { to: { kind: 'start' } }, ANN, (step) => steps.push(step))
  expect(report.phase).toBe('running')
  expect(steps.at(-1)).toBe('Sets the job back to the start of its inputs')
  expect(await counted()).toBeUndefined()
  // No store may start empty, and none has to.
  await (await startContainer({ ...run(), job: changedJob, untilEnd: true })).done
  expect(await counted()).toBe(3)
  expect(await stores()).toEqual(['counts', 'sums'])
  expect((await actions()).filter((action) => action.startsWith('rew'))).toEqual(['rewind', 'rewound'])
})

const to = (text: string) => ({ to: parseRewindPlace(text) })

test('a rewind states what it does before the job is stopped, and a dry run does no more', async () => {
  await count(8)
  const steps: string[] = []
  await node.rewind('counts', { ...to('numbers/0=3'), dryRun: true }, ANN, (step) => steps.push(step))
  expect(steps).toEqual([
    'Goes back in numbers/0 from offset 8 to 3',
    'Drops the state: it is computed from the records from there on',
    'Appends nothing to the outputs for records that were processed before',
  ])
  expect(await actions()).toEqual(['deploy', 'deployed'])
  expect(containers.alive.map(({ stopRequested }) => stopRequested)).toEqual([false])
  const kept: string[] = []
  const report = await node.rewind('counts', { ...to('numbers/0=3'), keepState: true }, ANN, (step) => kept.push(step))
  expect(report.phase).toBe('running')
  expect(kept.slice(1)).toEqual([
    'Keeps the state: what is processed again has its effect on the state again, so counts and sums have it twice',
    'Appends nothing to the outputs for records that were processed before',
    'Stops the job',
    'Sets the job back to this place',
  ])
  expect(await counted()).toBe(3)
})

test('a rewind that would skip records is refused while the job runs, which goes on', async () => {
  await count(3)
  await node.rewind('counts', to('start'), ANN, () => undefined)
  await expect(node.rewind('counts', to('numbers/0=2'), ANN, () => undefined)).rejects.toMatchObject({
    code: 'REWIND_REFUSED',
    message: expect.stringContaining('use --skip'),
  })
  expect(containers.alive.map(({ stopRequested }) => stopRequested)).toEqual([false])
  await node.rewind('counts', { ...to('numbers/0=2'), skip: true }, ANN, () => undefined)
  await count(2)
  expect(await counted()).toBe(5)
})

test('a rewind to an offset that fails in the middle is finished by the next node', async () => {
  await count(8)
  diskFails = true
  await expect(node.rewind('counts', to('numbers/0=3'), ANN, () => undefined)).rejects.toMatchObject({
    code: 'LOG_WRITE_FAILED',
  })
  expect(node.job('counts')).toMatchObject({ phase: 'failed' })
  diskFails = false
  await node.close()
  node = await open()
  await node.start('counts', ANN)
  const container = await startContainer(run())
  await container.caughtUp()
  const [view] = container.views
  expect(view?.completeFrom).toEqual({ numbers: { 0: 3 } })
  const entry = await view?.parts[0]?.store.range({ limit: 10 })
  expect(entry?.entries.map(({ value }) => value)).toEqual([5])
  await container.stop()
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
    const deploying = node.deploy({ artefact: two }, ANN, () => undefined)
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
  },
)

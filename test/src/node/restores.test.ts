import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { openFileLog } from '@millrace/connectors/file'
import { type Env, job, json, type Log, openTopicWriter, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { deleteSavepoint, encodeArtefact, listSavepoints, makeArtefact, Node, startContainer } from '@millrace/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeContainers } from './fake-containers.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const theJob = job('counts', stream(numbers).groupByKey().count('counts'))
const ANN = { by: 'ann@laptop', why: 'as asked' }

let directory: string
let log: Log
let containers: FakeContainers
let node: Node
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
  const contents = new Map([
    ['job.mjs', Buffer.from('one')],
    ['job.mjs.map', Buffer.from('{}')],
  ])
  const artefact = makeArtefact(theJob, { millrace: '1', source: 'job.ts', externals: [], contents })
  await node.storeArtefact(encodeArtefact(artefact))
  await node.deploy({ artefact: artefact.id }, ANN, () => undefined)
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
        if (diskFails && to.endsWith('counts.catalog')) throw Object.assign(new Error('EIO'), { code: 'EIO' })
        env.files.rename(from, to)
      },
      remove: (path) => {
        if (endFails && path.endsWith('/.restoring')) throw Object.assign(new Error('EIO'), { code: 'EIO' })
        env.files.remove(path)
      },
    },
  }
}

/** What the containers of the job would do, if they were not fake: counts so many more records. */
async function count(records: number): Promise<void> {
  const writer = await openTopicWriter(log, numbers)
  await writer.sendAll(Array.from({ length: records }, () => ({ key: 'a', value: 1 })))
  await (await startContainer({ ...run(), untilEnd: true })).done
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
    code: expect.stringMatching(/JOB_TOPIC_UNFIT|LOG_PARTS_DIFFER/),
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

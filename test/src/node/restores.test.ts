import { deleteSavepoint, parseRewindPlace, startContainer } from '@millrace/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ANN, CountingNode, changedJob } from './counting-node.ts'

let world: CountingNode

beforeEach(async () => {
  world = await CountingNode.open()
})

afterEach(() => world.close())

test('a job is stopped, set back and started again, and a stopped job stays stopped', async () => {
  await world.count(3)
  await world.node.savepoint('counts', 's', ANN)
  await world.count(4)
  const [before] = world.containers.alive
  const steps: string[] = []
  const report = await world.node.restoreSavepoint('counts', 's', {}, ANN, (step) => steps.push(step))
  expect(report.phase).toBe('running')
  expect(steps).toEqual(['Stops the job', 'Sets the job back to savepoint s'])
  expect(before?.stopRequested).toBe(true)
  expect(world.containers.alive).toHaveLength(1)
  expect(await world.counted()).toBe(3)
  await world.node.stop('counts', ANN)
  expect((await world.node.restoreSavepoint('counts', 's', {}, ANN, () => undefined)).phase).toBe('stopped')
  expect((await world.actions()).slice(2)).toEqual(
    'savepoint,restore savepoint,restored savepoint,savepoint,stop,restore savepoint,restored savepoint'.split(','),
  )
})

test('a job is rewound to the start of its inputs, where it may also have other stores', async () => {
  await world.count(3)
  const steps: string[] = []
  const report = await world.node.rewind('counts', { to: { kind: 'start' } }, ANN, (step) => steps.push(step))
  expect(report.phase).toBe('running')
  expect(steps.at(-1)).toBe('Sets the job back to the start of its inputs')
  expect(await world.counted()).toBeUndefined()
  // No store may start empty, and none has to.
  await (await startContainer({ ...world.run, job: changedJob, untilEnd: true })).done
  expect(await world.counted()).toBe(3)
  expect(await world.stores()).toEqual(['counts', 'sums'])
  expect((await world.actions()).filter((action) => action.startsWith('rew'))).toEqual(['rewind', 'rewound'])
})

const to = (text: string) => ({ to: parseRewindPlace(text) })

test('a rewind states what it does before the job is stopped, and a dry run does no more', async () => {
  await world.count(8)
  const steps: string[] = []
  await world.node.rewind('counts', { ...to('numbers/0=3'), dryRun: true }, ANN, (step) => steps.push(step))
  expect(steps).toEqual([
    'Goes back in numbers/0 from offset 8 to 3',
    'Drops the state: it is computed from the records from there on',
    'Appends nothing to the outputs for records that were processed before',
  ])
  expect(await world.actions()).toEqual(['deploy', 'deployed'])
  expect(world.containers.alive.map(({ stopRequested }) => stopRequested)).toEqual([false])
  const kept: string[] = []
  const report = await world.node.rewind('counts', { ...to('numbers/0=3'), keepState: true }, ANN, (step) =>
    kept.push(step),
  )
  expect(report.phase).toBe('running')
  expect(kept.slice(1)).toEqual([
    'Keeps the state: what is processed again has its effect on the state again, so counts and sums have it twice',
    'Appends nothing to the outputs for records that were processed before',
    'Stops the job',
    'Sets the job back to this place',
  ])
  expect(await world.counted()).toBe(3)
})

test('a rewind that would skip records is refused while the job runs, which goes on', async () => {
  await world.count(3)
  await world.node.rewind('counts', to('start'), ANN, () => undefined)
  await expect(world.node.rewind('counts', to('numbers/0=2'), ANN, () => undefined)).rejects.toMatchObject({
    code: 'REWIND_REFUSED',
    message: expect.stringContaining('use --skip'),
  })
  expect(world.containers.alive.map(({ stopRequested }) => stopRequested)).toEqual([false])
  await world.node.rewind('counts', { ...to('numbers/0=2'), skip: true }, ANN, () => undefined)
  await world.count(2)
  expect(await world.counted()).toBe(5)
})

test('a rewind to an offset that fails in the middle is finished by the next node', async () => {
  await world.count(8)
  world.faults.diskFails = true
  await expect(world.node.rewind('counts', to('numbers/0=3'), ANN, () => undefined)).rejects.toMatchObject({
    code: 'LOG_WRITE_FAILED',
  })
  expect(world.node.job('counts')).toMatchObject({ phase: 'failed' })
  world.faults.diskFails = false
  await world.node.close()
  await world.openNode()
  await world.node.start('counts', ANN)
  const container = await startContainer(world.run)
  await container.caughtUp()
  const [view] = container.views
  expect(view?.completeFrom).toEqual({ numbers: { 0: 3 } })
  const entry = await view?.parts[0]?.store.range({ limit: 10 })
  expect(entry?.entries.map(({ value }) => value)).toEqual([5])
  await container.stop()
})

test('a savepoint that does not exist is refused, and the job goes on', async () => {
  await world.count(1)
  const restoring = world.node.restoreSavepoint('counts', 's', {}, ANN, () => undefined)
  await expect(restoring).rejects.toMatchObject({ code: 'SAVEPOINT_MISSING' })
  expect(world.containers.alive.map(({ stopRequested }) => stopRequested)).toEqual([false])
})

test.each(['start', 'the next node'])('a restore that fails in the middle is finished by %s', async (by) => {
  await world.count(3)
  await world.node.savepoint('counts', 's', ANN)
  await world.count(4)
  world.faults.diskFails = true
  await expect(world.node.restoreSavepoint('counts', 's', {}, ANN, () => undefined)).rejects.toMatchObject({
    code: 'LOG_WRITE_FAILED',
  })
  expect(world.node.job('counts')).toMatchObject({ phase: 'failed', error: { code: 'LOG_WRITE_FAILED' } })
  expect(world.containers.alive).toEqual([])
  await expect(startContainer(world.run)).rejects.toMatchObject({
    code: 'RESTORE_UNFINISHED',
  })
  await expect(world.node.start('counts', ANN)).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' })
  const inUse = world.node.deleteSavepoint('counts', 's', ANN)
  await expect(inUse).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' })
  await expect(deleteSavepoint(world.savepoints, 's')).rejects.toMatchObject({ code: 'JOB_BUSY' })
  world.faults.diskFails = false
  if (by !== 'start') {
    await world.node.close()
    await world.openNode()
  }
  await world.node.start('counts', ANN)
  expect(world.containers.alive).toHaveLength(1)
  expect(await world.counted()).toBe(3)
  expect(world.savepointNames).toContain('s')
})

test('a restore that is done, but for the note of it, is not done again when the job has continued', async () => {
  await world.count(3)
  await world.node.savepoint('counts', 's', ANN)
  await world.count(4)
  world.faults.endFails = true
  await expect(world.node.restoreSavepoint('counts', 's', {}, ANN, () => undefined)).rejects.toThrow('EIO')
  await world.count(2)
  world.faults.endFails = false
  await world.node.start('counts', ANN)
  expect(await world.counted()).toBe(9)
})

import { type DeploymentRecord, json, openTopicWriter, string, topic } from '@millrace/core'
import { expect, onTestFinished, test } from 'vitest'
import { NodeWorld } from './node-world.ts'
import { READ, servedNode } from './served-node.ts'

const deployments = topic('millrace.deployments', { key: string(), value: json<DeploymentRecord>() })

/** A node whose log has these changes: the job, and how often. */
async function nodeWith(...changes: readonly (readonly [job: string, times: number])[]): Promise<NodeWorld> {
  const world = await NodeWorld.open()
  onTestFinished(() => world.close())
  const writer = await openTopicWriter(world.log, deployments)
  const record: DeploymentRecord = { action: 'scale', by: 'ann', why: null, deployment: null, error: null }
  let number = 0
  for (const [key, times] of changes) {
    await writer.sendAll(Array.from({ length: times }, () => ({ key, value: { ...record, why: `${number++}` } })))
  }
  await writer.close()
  return world
}

const whys = (history: readonly DeploymentRecord[]) => history.map(({ why }) => Number(why))
const from = (start: number, end: number) => Array.from({ length: end - start }, (_, index) => start + index)

test('the last 100 changes come first, and the pages before them have all others', async () => {
  const { node } = await nodeWith(['counts', 250])
  const last = await node.history('counts')
  expect(whys(last.history)).toEqual(from(150, 250))
  const before = await node.history('counts', { before: last.before ?? 0 })
  expect(whys(before.history)).toEqual(from(50, 150))
  const first = await node.history('counts', { before: before.before ?? 0 })
  expect([whys(first.history), first.before]).toEqual([from(0, 50), null])
})

test('a page may be as large as the history', async () => {
  const { node } = await nodeWith(['counts', 3])
  expect(await node.history('counts', { limit: 3 })).toMatchObject({ before: null, history: { length: 3 } })
  expect(await node.history('other')).toEqual({ before: null, history: [] })
})

test('a page goes back over 10,000 changes of other jobs, and no further', async () => {
  const { node } = await nodeWith(['counts', 1], ['other', 10_001], ['counts', 1])
  const last = await node.history('counts')
  expect(whys(last.history)).toEqual([10_002])
  const before = await node.history('counts', { before: last.before ?? 0 })
  expect([whys(before.history), before.before]).toEqual([[0], null])
})

test('a history is read from the end: a page of a long one reads its last records only', async () => {
  const world = await nodeWith(['counts', 5_000])
  let polled = 0
  const { log } = world
  const openReader = log.openReader.bind(log)
  log.openReader = (...options) => {
    const reader = openReader(...options)
    const assign = reader.assign.bind(reader)
    reader.assign = async (topicName, partition, offset) => {
      polled = offset
      return assign(topicName, partition, offset)
    }
    return reader
  }
  await world.node.history('counts', { limit: 10 })
  expect(polled).toBe(4_000)
})

test('a node that starts again finds what is deployed behind a long history', async () => {
  const world = await nodeWith(['other', 2_000])
  await world.deploy('one')
  await world.restart()
  expect(world.node.jobs.map(({ job }) => job)).toEqual(['counts'])
})

test.each(['limit=0', 'limit=1001', 'before=-1', 'before=x', 'after=1'])(
  'a history with %s cannot be read',
  async (query) => {
    const { server } = await servedNode()
    const headers = { authorization: `Bearer ${READ}` }
    const answer = await fetch(`${server.url}/jobs/counts/history?${query}`, { headers })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ code: 'BAD_REQUEST' })
  },
)

test('a history over HTTP has the limit that is requested', async () => {
  const { server, deploy } = await servedNode()
  await deploy()
  const headers = { authorization: `Bearer ${READ}` }
  const answer = await fetch(`${server.url}/jobs/counts/history?limit=1`, { headers })
  expect(await answer.json()).toMatchObject({ history: [{ action: 'deployed' }], before: 1 })
})

import type { PlannedStart } from '@millrace/core'
import { encodeArtefact } from '@millrace/runtime'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ANN, NodeWorld } from './node-world.ts'
import { countsArtefact, planOfCounts, READ, servedNode } from './served-node.ts'

/** As the node gives up a plan. */
const PLAN_MS = 4 * 60_000

/** What the process of a plan reports. */
const aPlan = async (): Promise<PlannedStart> => ({ plan: await planOfCounts(), text: 'the plan\nof the job' })

test('a deploy is planned in a separate process, with the settings that it would have, and nothing changes', async () => {
  const { admin, containers } = await servedNode()
  const planned = await aPlan()
  containers.behave = (container) => container.plan(planned)
  const id = await admin.upload(encodeArtefact(countsArtefact()))
  expect(await admin.plan(id, { settings: { heapBytesMax: 2 ** 30 }, acceptLoss: ['counts'] })).toEqual(planned)
  expect(containers.all.map(({ spec }) => spec)).toMatchObject([
    { artefact: id, job: 'counts', planOnly: true, acceptLoss: ['counts'], settings: { heapBytesMax: 2 ** 30 } },
  ])
  expect(await admin.jobs()).toEqual([])
  expect(await admin.history('counts')).toEqual([])
})

test('a plan of settings that no job can have, or of an artefact that is not there, starts no process', async () => {
  const { admin, containers } = await servedNode()
  const id = await admin.upload(encodeArtefact(countsArtefact()))
  await expect(admin.plan(id, { settings: { containers: 0 } })).rejects.toMatchObject({ code: 'BAD_INPUT' })
  await expect(admin.plan('f'.repeat(64))).rejects.toMatchObject({ code: 'ARTEFACT_MISSING' })
  expect(containers.all).toEqual([])
})

test('a plan needs the token for changes, since it runs code of the job', async () => {
  const { server, admin } = await servedNode()
  const artefact = await admin.upload(encodeArtefact(countsArtefact()))
  const headers = { authorization: `Bearer ${READ}`, 'content-type': 'application/json' }
  const answer = await fetch(`${server.url}/plan`, { method: 'POST', headers, body: JSON.stringify({ artefact }) })
  expect(answer.status).toBe(401)
})

test.each([
  ['PACKAGE_MISSING', { code: 'PACKAGE_MISSING', message: 'Package duckdb is not there' }, /^Package duckdb/],
  ['CONTAINER_ENDED', { code: 'CONTAINER_ENDED', message: 'It ended with SIGKILL' }, /counts has no plan.*SIGKILL/],
  ['CONTAINER_ENDED', null, /counts has no plan/],
] as const)('a plan whose process ends is rejected with %s', async (code, error, message) => {
  const { admin, containers } = await servedNode()
  containers.behave = (container) => container.fail(error)
  const id = await admin.upload(encodeArtefact(countsArtefact()))
  await expect(admin.plan(id)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
})

test('a process that stays alive after its plan, as with a timer of the job, is ended', async () => {
  const { admin, containers } = await servedNode()
  const planned = await aPlan()
  containers.behave = (container) => container.reports.next({ kind: 'planned', planned })
  const id = await admin.upload(encodeArtefact(countsArtefact()))
  expect(await admin.plan(id)).toEqual(planned)
  expect(containers.all.map(({ killed }) => killed)).toEqual([true])
})

test('a third plan at the same time is refused, and made once another one is done', async () => {
  const { admin, containers } = await servedNode()
  const planned = await aPlan()
  containers.behave = () => undefined
  const id = await admin.upload(encodeArtefact(countsArtefact()))
  const two = [admin.plan(id), admin.plan(id)]
  await vi.waitFor(() => expect(containers.alive).toHaveLength(2))
  await expect(admin.plan(id)).rejects.toMatchObject({ code: 'TOO_MANY_QUERIES' })
  for (const container of containers.alive) container.plan(planned)
  await Promise.all(two)
  containers.behave = (container) => container.plan(planned)
  expect(await admin.plan(id)).toEqual(planned)
})

/** A plan that does not end by itself. */
async function endlessPlan() {
  const world = await NodeWorld.open()
  onTestFinished(() => world.close())
  world.containers.behave = () => undefined
  const planning = world.node.plan({ artefact: await world.artefact('one') })
  planning.catch(() => undefined)
  await world.turns()
  return { world, planning }
}

test('a plan that takes longer than four minutes is ended', async () => {
  const { world, planning } = await endlessPlan()
  world.still.advance(PLAN_MS - 1)
  await world.turns()
  expect(world.containers.alive).toHaveLength(1)
  world.still.advance(1)
  await expect(planning).rejects.toMatchObject({ code: 'CONTAINER_ENDED' })
  expect(world.containers.alive).toEqual([])
})

test('a node that ends does not leave the process of a plan', async () => {
  const { world, planning } = await endlessPlan()
  await world.restart()
  await expect(planning).rejects.toMatchObject({ code: 'CONTAINER_ENDED' })
  expect(world.containers.alive).toEqual([])
})

test('a plan for a deployed job has the settings that the job has', async () => {
  const world = await NodeWorld.open()
  onTestFinished(() => world.close())
  const artefact = await world.artefact('one')
  await world.settle(world.node.deploy({ artefact, settings: { heapBytesMax: 2 ** 29 } }, ANN, world.onProgress))
  const planned = await aPlan()
  world.containers.behave = (container) => container.plan(planned)
  expect(await world.node.plan({ artefact })).toEqual(planned)
  expect(world.containers.all.at(-1)?.spec.settings.heapBytesMax).toBe(2 ** 29)
  expect(world.node.job('counts').phase).toBe('running')
})

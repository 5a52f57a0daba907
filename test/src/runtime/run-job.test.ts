import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { MillraceClient } from '@millrace/client'
import { memoryLog } from '@millrace/connectors/memory'
import { int32, type JobStatus, job, openTopicWriter, stream, string, topic, tumbling } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type RunningJob, type RunOptions, runJob } from '@millrace/runtime'
import { expect, expectTypeOf, onTestFinished, test } from 'vitest'
import { collected } from '../records/two-logs.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const sums = stream(numbers)
  .groupByKey()
  .reduce('sums', (a, b) => a + b)
const windows = stream(numbers).groupByKey().window(tumbling(10)).count('windows')

// The compiler checks these lines; no test calls the function.
export async function readWrongly(running: RunningJob): Promise<void> {
  // @ts-expect-error: a windowed view is read by key and window
  await running.view(windows).get('a')
  // @ts-expect-error: the keys are strings
  await running.view(sums).get(5)
  // @ts-expect-error: the view has no windows
  running.view(sums).windows('a')
}

const summing = job('j', sums, windows)

async function optionsOf(more: Partial<RunOptions> = {}): Promise<RunOptions> {
  const directory = mkdtempSync(`${tmpdir()}/millrace-run-job-`)
  const log = memoryLog(nodeEnv())
  onTestFinished(async () => {
    await log.close()
    rmSync(directory, { recursive: true })
  })
  await log.admin.createTopic('numbers', { partitions: 2 })
  return { log, stateDirectory: directory, ...more }
}

test('a served job answers, is announced while it runs, and frees its port when it stops', async () => {
  const announced: string[] = []
  const running = await runJob(summing, {
    ...(await optionsOf()),
    server: {
      token: null,
      announce: (url) => {
        announced.push(url)
        return {
          withdraw: () => {
            announced.pop()
          },
        }
      },
    },
  })
  expect(announced).toEqual([running.url])
  expect((await new MillraceClient(running.url).views()).map(({ name, parts }) => ({ name, parts }))).toEqual([
    { name: 'sums', parts: [0, 1] },
    { name: 'windows', parts: [0, 1] },
  ])
  await running.stop()
  await running.done
  expect(announced).toEqual([])
  await expect(fetch(`${running.url}/views`)).rejects.toThrow()
})

test('a job that cannot be announced is stopped, and may be run again', async () => {
  let url = ''
  const options = await optionsOf()
  const announce = (at: string) => {
    url = at
    throw new Error('no room')
  }
  await expect(runJob(summing, { ...options, server: { token: null, announce } })).rejects.toThrow('no room')
  await expect(fetch(url)).rejects.toThrow()
  const next = await runJob(summing, options)
  await next.stop()
})

test('a port in use stops the start before the job has any topics', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void taken.close())
  await new Promise((resolve) => taken.once('listening', resolve))
  const address = taken.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const options = await optionsOf()
  await expect(runJob(summing, { ...options, server: { token: null, port } })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
  })
  expect((await options.log.admin.listTopics()).map(({ name }) => name)).toEqual(['numbers'])
})

test('a query with the position of a writer reflects what the writer has flushed', async () => {
  const options = await optionsOf()
  const running = await runJob(summing, { ...options, server: { token: null } })
  const client = new MillraceClient(running.url)
  const writer = await openTopicWriter(options.log, numbers)
  for (let sum = 1; sum <= 20; sum++) {
    await writer.sendAll([{ key: 'a', value: 1 }])
    expect(await client.view(sums).get('a', { after: writer.position })).toBe(sum)
  }
  await running.stop()
})

test('a program reads the views of the job that it runs, with their types, and its status', async () => {
  const options = await optionsOf()
  const running = await runJob(summing, options)
  const statuses: JobStatus[] = []
  running.status.subscribe((status) => statuses.push(status))
  const writer = await openTopicWriter(options.log, numbers)
  await writer.sendAll([
    { key: 'a', value: 1, timestamp: 3 },
    { key: 'b', value: 2, timestamp: 4 },
    { key: 'a', value: 4, timestamp: 25 },
  ])
  await running.caughtUp()
  expectTypeOf(await running.view(sums).get('a')).toEqualTypeOf<number | undefined>()
  expect(await running.view(sums).get('a')).toBe(5)
  expect(await running.view(sums).get('c')).toBeUndefined()
  const all = await collected(running.view(sums).all())
  expect(all.sort((one, other) => (one.key < other.key ? -1 : 1))).toEqual([
    { key: 'a', value: 5 },
    { key: 'b', value: 2 },
  ])
  expect(await running.view(windows).get('a', 20)).toBe(1)
  expect(await collected(running.view(windows).windows('a'))).toEqual([
    { key: 'a', window: { start: 0, end: 10 }, value: 1 },
    { key: 'a', window: { start: 20, end: 30 }, value: 1 },
  ])
  expect(await collected(running.view(windows).all())).toHaveLength(3)
  const processed = statuses.at(-1)?.tasks.reduce((sum, { counts }) => sum + counts.processed, 0)
  expect([statuses.at(-1)?.phase, processed]).toEqual(['running', 3])
  const other = stream(numbers).groupByKey().count('others')
  expect(() => running.view(other)).toThrow(expect.objectContaining({ code: 'VIEW_MISSING' }))
  await running.stop()
  await running.done
  expect(statuses.at(-1)?.phase).toBe('stopped')
})

test('the view of a job that shares its tasks is incomplete in each process, until the other one has left', async () => {
  const options = await optionsOf()
  const first = await runJob(summing, options)
  const second = await runJob(summing, options)
  await first.caughtUp()
  await expect(first.view(sums).get('a')).rejects.toMatchObject({ code: 'VIEW_INCOMPLETE' })
  await second.stop()
  await first.caughtUp()
  expect(await first.view(sums).get('a')).toBeUndefined()
  await first.stop()
})

test('a job that has caught up has committed what was there at the call, behind a repartition topic too', async () => {
  const options = await optionsOf({ commitIntervalMs: 1 })
  const byLast = stream(numbers)
    .groupBy((value) => value % 3, int32())
    .count('by-rest')
  const running = await runJob(job('rests', byLast), options)
  const writer = await openTopicWriter(options.log, numbers)
  for (let round = 1; round <= 10; round++) {
    await writer.sendAll(Array.from({ length: 30 }, (_, value) => ({ key: `k${value}`, value })))
    await running.caughtUp()
    const counts = (await collected(running.view(byLast).all())).map(({ value }) => value)
    expect(counts).toEqual([10 * round, 10 * round, 10 * round])
  }
  await running.stop()
})

test('all entries of a large view are read', async () => {
  const options = await optionsOf()
  const running = await runJob(summing, options)
  const writer = await openTopicWriter(options.log, numbers)
  await writer.sendAll(Array.from({ length: 2100 }, (_, index) => ({ key: `k${index}`, value: index })))
  await running.caughtUp()
  const found = await collected(running.view(sums).all())
  expect(found.map(({ value }) => value).sort((a, b) => a - b)).toEqual(Array.from({ length: 2100 }, (_, n) => n))
  await running.stop()
})

test('an output that belongs to no job is a notice when a job runs that reads its topic; by default a warning of the process', async () => {
  const options = await optionsOf()
  stream(numbers)
    .filter((value) => value > 5)
    .to(topic('forgotten', { key: string(), value: int32() }))
  const notices: string[] = []
  const first = await runJob(summing, { ...options, onNotice: (message) => notices.push(message) })
  await first.stop()
  expect(notices).toEqual([expect.stringContaining('The output to "forgotten" (behind filter')])
  const warned = once(process, 'warning')
  const second = await runJob(summing, options)
  await second.stop()
  expect((await warned)[0]).toMatchObject({ name: 'MillraceWarning', message: notices[0] })
})

test('waiting for a job ends when the job does: with its error, or with JOB_NOT_RUNNING', async () => {
  const options = await optionsOf()
  const stopped = await runJob(summing, options)
  await stopped.stop()
  await expect(stopped.caughtUp()).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' })
  const failing = job(
    'failing',
    stream(numbers)
      .mapValues((): number => {
        throw new Error('no')
      })
      .toTable('failed'),
  )
  const running = await runJob(failing, options)
  await (await openTopicWriter(options.log, numbers)).sendAll([{ key: 'a', value: 1 }])
  await expect(running.caughtUp()).rejects.toMatchObject({ code: 'CALLBACK_FAILED' })
  await expect(running.done).rejects.toMatchObject({ code: 'CALLBACK_FAILED' })
})

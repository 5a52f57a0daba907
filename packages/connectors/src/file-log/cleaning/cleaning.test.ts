import type { TopicDescription } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { syncFailed } from '../errors.ts'
import { Cleaning } from './cleaning.ts'

const TOPIC = { id: 'id', name: 't' } as TopicDescription

test('after a failed sync of appends, the cleaning in progress is cut off, and none begins', async () => {
  const begun = Promise.withResolvers<AbortSignal>()
  const step = Promise.withResolvers<void>()
  let cleanings = 0
  const cleaning = new Cleaning(async (_topic, _partition, signal) => {
    cleanings++
    begun.resolve(signal)
    await step.promise
    signal.throwIfAborted()
    throw new Error('it synced again')
  }, nodeEnv().timers)
  cleaning.behind(TOPIC, 0)
  const signal = await begun.promise
  const failure = syncFailed('segment', new Error('EIO'))
  await expect(cleaning.syncing(() => Promise.reject(failure))).rejects.toBe(failure)
  expect(signal.aborted).toBe(true)
  cleaning.behind(TOPIC, 1)
  step.resolve()
  const reported: unknown[] = []
  cleaning.failures.subscribe((failures) => reported.push(...failures))
  await cleaning.settle()
  expect(reported).toEqual([])
  expect(cleanings).toBe(1)
})

test('another failure of a writer does not end the cleaning', async () => {
  let cleanings = 0
  const cleaning = new Cleaning(async () => {
    cleanings++
  }, nodeEnv().timers)
  await expect(cleaning.syncing(() => Promise.reject(new Error('closed')))).rejects.toThrow('closed')
  cleaning.behind(TOPIC, 0)
  await cleaning.settle()
  expect(cleanings).toBe(1)
})

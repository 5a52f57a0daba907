import { PassThrough } from 'node:stream'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { type LoadingWatch, watchLoading } from './watch-loading.ts'

let stderr: PassThrough

beforeEach(() => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  stderr = new PassThrough({ encoding: 'utf8' })
})

function watch(stop?: AbortSignal): LoadingWatch {
  const watching = watchLoading('/a/job.ts', { stderr, ...(stop !== undefined && { stop }) })
  onTestFinished(() => watching.end())
  return watching
}

test('a job file that loads for long is reported once', () => {
  watch()
  vi.advanceTimersByTime(4_999)
  expect(stderr.read()).toBeNull()
  vi.advanceTimersByTime(60_000)
  expect(stderr.read()).toBe(
    'Job file /a/job.ts is still loading after 5 s. It awaits something that has not come yet\n',
  )
})

test('a job file that is loaded is not reported, however long its types are checked', () => {
  watch().loaded()
  vi.advanceTimersByTime(60_000)
  expect(stderr.read()).toBeNull()
})

test('nothing is left on the process when the watch ends', () => {
  const events = ['exit', 'beforeExit', 'uncaughtExceptionMonitor']
  const listeners = () => events.map((event) => process.listenerCount(event))
  const before = listeners()
  const watching = watch(new AbortController().signal)
  expect(listeners()).not.toEqual(before)
  watching.end()
  expect(listeners()).toEqual(before)
})

test.each(['before', 'while'])('a stop %s a job file loads ends the loading', async (when) => {
  const stop = new AbortController()
  if (when === 'before') stop.abort(new Error('stopped'))
  const { cut } = watch(stop.signal)
  stop.abort(new Error('stopped'))
  await expect(cut).rejects.toThrow('stopped')
})

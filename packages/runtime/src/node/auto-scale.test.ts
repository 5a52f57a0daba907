import type { ContainerSummary, JobReport, JobSettings, TaskStatus } from '@millrace/core'
import { expect, test } from 'vitest'
import { AutoScale } from './auto-scale.ts'

const SETTINGS: JobSettings = {
  containers: 2,
  auto: { min: 1, max: 4 },
  guarantee: 'exactly-once',
  standbys: 0,
  commitIntervalMs: 100,
  heapBytesMax: null,
  diskBytesMax: null,
}

function report(
  more: Partial<JobReport> & { readonly settings?: Partial<JobSettings>; readonly tasks?: number },
): JobReport {
  const { settings = {}, tasks = 8, ...others } = more
  const task: Partial<TaskStatus> = { task: 'a-0' }
  const status = { tasks: Array.from({ length: tasks }, () => task) }
  const container = { status } as unknown as ContainerSummary
  return {
    job: 'orders',
    phase: 'running',
    operation: null,
    deployment: {
      job: 'orders',
      revision: 1,
      release: { artefact: 'f00', settings: { ...SETTINGS, ...settings } },
      previous: null,
      desired: 'running',
      trial: null,
      error: null,
    },
    containers: [container],
    lag: 0,
    recordsPerSecond: 100,
    diskBytes: null,
    error: null,
    ...others,
  }
}

/** What each of so many looks decides, the last decision first. */
function looks(scale: AutoScale, count: number, seen: JobReport): number | undefined {
  let last: number | undefined
  for (let look = 1; look <= count; look++) {
    expect(last).toBeUndefined()
    last = scale.look(seen)
  }
  return last
}

const BEHIND = { lag: 1001, recordsPerSecond: 100 }
const ABREAST = { lag: 100, recordsPerSecond: 100 }

test('a job that is more than ten seconds behind in three looks gets a container, and the count begins again', () => {
  const scale = new AutoScale()
  expect(looks(scale, 3, report(BEHIND))).toBe(3)
  expect(looks(scale, 3, report(BEHIND))).toBe(3)
  expect(looks(scale, 10, report({ lag: 1000, recordsPerSecond: 100 }))).toBeUndefined()
})

test('a job that stands still with a lag is behind', () => {
  expect(looks(new AutoScale(), 3, report({ lag: 11, recordsPerSecond: 0 }))).toBe(3)
})

test('a burst of two looks changes nothing', () => {
  const scale = new AutoScale()
  expect(looks(scale, 2, report(BEHIND))).toBeUndefined()
  scale.look(report(ABREAST))
  expect(looks(scale, 2, report(BEHIND))).toBeUndefined()
})

test('a job that is less than a second behind in sixty looks loses a container', () => {
  expect(looks(new AutoScale(), 60, report(ABREAST))).toBe(1)
  expect(looks(new AutoScale(), 200, report({ lag: 101, recordsPerSecond: 100 }))).toBeUndefined()
})

test.each([
  ['the maximum is reached', { ...BEHIND, settings: { containers: 4 } }],
  ['each task has a container', { ...BEHIND, tasks: 2 }],
  ['the minimum is reached', { ...ABREAST, settings: { containers: 1 } }],
  ['the job is not scaled by the node', { ...BEHIND, settings: { auto: null } }],
  ['a container restarts', { ...BEHIND, phase: 'degraded' as const }],
  ['a change is under way', { ...BEHIND, operation: 'deploy' }],
])('nothing is changed if %s', (_why, seen) => {
  expect(looks(new AutoScale(), 200, report(seen))).toBeUndefined()
})

test('a job with fewer or more containers than its bounds gets what they allow at once', () => {
  expect(new AutoScale().look(report({ settings: { containers: 1, auto: { min: 2, max: 4 } } }))).toBe(2)
  expect(new AutoScale().look(report({ settings: { containers: 6 } }))).toBe(4)
})

import type { JobReport } from '@millrace/core'
import { expect, test } from 'vitest'
import { checkNode } from './node.ts'

const ANNOUNCED = { pid: 4711, url: 'http://127.0.0.1:4700' }
const ERROR = { code: 'CONTAINER_ENDED', message: 'The container ended with SIGKILL' } as const

function report(phase: JobReport['phase'], error: JobReport['error'] = null, diskBytes = 0): JobReport {
  const deployment = { release: { settings: { diskBytesMax: 1000 } } } as JobReport['deployment']
  const nothing = { operation: null, containers: [], lag: 0, recordsPerSecond: 0 }
  return { ...nothing, job: 'orders', phase, deployment, error, diskBytes }
}

test('a data directory without a node is fine', () => {
  expect(checkNode({ announced: undefined, state: 'gone', jobs: undefined })).toMatchObject([{ status: 'ok' }])
})

test.each([
  ['running', 'ok', /running/],
  ['stopped', 'ok', /stopped/],
  ['deploying', 'ok', /deploying/],
  ['degraded', 'warning', /some of its containers.*SIGKILL/],
  ['failed', 'problem', /given up.*SIGKILL/],
] as const)('a deployed job that is %s is: %s', (phase, status, what) => {
  const [node, job] = checkNode({ announced: ANNOUNCED, state: 'running', jobs: [report(phase, ERROR)] })
  expect(node).toMatchObject({ status: 'ok', what: expect.stringContaining('1 job') })
  expect(job).toMatchObject({ status, what: expect.stringMatching(what) })
})

test('a deployed job that is near its limit of room is a warning', () => {
  const [, job] = checkNode({ announced: ANNOUNCED, state: 'running', jobs: [report('running', null, 900)] })
  expect(job).toMatchObject({
    status: 'warning',
    what: expect.stringContaining('900 B on disk'),
    advice: expect.stringContaining('--disk'),
  })
})

test.each([
  ['gone', 'warning', /was killed/, /millrace up/],
  ['stopped', 'problem', /is stopped/, /kill -CONT 4711/],
  ['running', 'warning', /does not answer/, /ps -p 4711/],
  ['unknown', 'warning', /does not answer/, /ps -p 4711/],
] as const)('a node whose process is %s and that does not answer is a %s', (state, status, what, advice) => {
  expect(checkNode({ announced: ANNOUNCED, state, jobs: undefined })).toMatchObject([
    { status, what: expect.stringMatching(what), advice: expect.stringMatching(advice) },
  ])
})

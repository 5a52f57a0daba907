import { job, stream, string, topic } from '@millrace/core'
import { expect, test } from 'vitest'
import { makeArtefact } from './make-artefact.ts'
import { artefactWith } from './testing/artefact-with.ts'

test('the same parts make the same artefact, in whatever order they come', () => {
  const { id, contents } = artefactWith('one')
  expect(artefactWith('one', { contents: new Map([...contents].reverse()) }).id).toBe(id)
})

test.each([
  ['code', artefactWith('two')],
  [
    'source map',
    artefactWith('one', { contents: new Map([...artefactWith('one').contents, ['job.mjs.map', Buffer.from('{}')]]) }),
  ],
  ['version of Millrace', artefactWith('one', { millrace: '0.2.0' })],
  ['source', artefactWith('one', { source: 'job.ts' })],
  ['external package', artefactWith('one', { externals: [{ name: 'a', version: '1.0.0', from: '/', reason: 'b' }] })],
])('another %s makes another artefact', (_what, other) => {
  expect(other.id).not.toBe(artefactWith('one').id)
})

test('the plan is the same if only functions changed, and another one if a store or an event time changed', () => {
  const { contents } = artefactWith('one')
  const planOf = (text: string, name: string, timestamp?: () => number) => {
    const letters = stream(
      topic('letters', { key: string(), value: string(), ...(timestamp !== undefined && { timestamp }) }),
    )
    const made = job('letters', letters.mapValues(() => text, string()).toTable(name))
    return makeArtefact(made, { millrace: '0.1.0', source: 'job.ts', externals: [], contents }).manifest.plan
  }
  expect(planOf('b', 'last')).toBe(planOf('a', 'last'))
  expect(planOf('a', 'latest')).not.toBe(planOf('a', 'last'))
  expect(planOf('a', 'last', () => 0)).not.toBe(planOf('a', 'last'))
})

test('the manifest has the name with the version, and the description', () => {
  expect(artefactWith('one').manifest).toMatchObject({
    format: 1,
    job: 'letters.version-2',
    description: { job: 'letters.version-2', views: ['last'] },
    files: [{ name: 'job.mjs' }, { name: 'job.mjs.map' }],
  })
})

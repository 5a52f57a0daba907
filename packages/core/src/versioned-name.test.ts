import { expect, test } from 'vitest'
import { choicesOf, isMeant, jobVersion, versionedName } from './versioned-name.ts'

test('version 1 has the name of the job alone, and every other version a name that no job can have', () => {
  expect(versionedName({ name: 'delays', version: 1 })).toBe('delays')
  expect(versionedName({ name: 'delays', version: 12 })).toBe('delays.version-12')
})

test.each([
  ['delays', 'delays', 1],
  ['delays.version-1', 'delays', 1],
  ['delays.version-12', 'delays', 12],
  ['delays.version-0', 'delays.version-0', 1],
  ['delays.version-02', 'delays.version-02', 1],
  ['version-2', 'version-2', 1],
])('%s stands for job %s in version %i', (name, job, version) => {
  expect(jobVersion(name)).toEqual({ job, version })
})

test("a job's name means all of its versions, and the name of a version only that one", () => {
  const there = ['delays', 'delays.version-2', 'routes']
  const meant = (typed: string) => there.filter((name) => isMeant(name, typed))
  expect(meant('delays')).toEqual(['delays', 'delays.version-2'])
  expect(meant('delays.version-1')).toEqual(['delays'])
  expect(meant('delays.version-2')).toEqual(['delays.version-2'])
  expect(meant('delays.version-3')).toEqual([])
  expect(meant('routes')).toEqual(['routes'])
})

test('each of several versions can be chosen by one name', () => {
  const there = ['sums.version-3', 'delays.version-2', 'routes', 'delays']
  const choices = choicesOf(there)
  expect(choices).toEqual(['delays.version-1', 'delays.version-2', 'routes', 'sums.version-3'])
  const meant = choices.map((choice) => there.filter((name) => isMeant(name, choice)))
  expect(meant).toEqual([['delays'], ['delays.version-2'], ['routes'], ['sums.version-3']])
})

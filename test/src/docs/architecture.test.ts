import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { repository } from '../structure/source-files.ts'

test('every file and folder that the map of the architecture names is there', () => {
  const text = readFileSync(new URL('docs/architecture.md', repository), 'utf8')
  const named = text.match(/\b(core|state|connectors|runtime|client|cli|testing)\/src(\/[\w-]+)*(\.ts)?/g) ?? []
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((path) => !existsSync(new URL(`packages/${path}`, repository)))).toEqual([])
})

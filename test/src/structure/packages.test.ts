import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { repository } from './source-files.ts'
import { manifests } from './workspaces.ts'

const workspaces = manifests()
const names = workspaces.map(({ manifest }) => manifest.name)
const published = workspaces.filter(({ manifest }) => manifest.private !== true)
const root = JSON.parse(readFileSync(new URL('package.json', repository), 'utf8'))

function json(path: string): { references?: { path: string }[] } {
  return JSON.parse(readFileSync(new URL(path, repository), 'utf8'))
}

test('the packages are published and nothing else is', () => {
  expect(published.map(({ folder }) => folder)).toEqual(
    workspaces.map(({ folder }) => folder).filter((folder) => folder.startsWith('packages/')),
  )
})

describe.each(published)('$manifest.name', ({ folder, manifest }) => {
  test('states its licence, what it is, and the oldest Node that it is tested with', () => {
    expect(manifest).toMatchObject({ license: 'Apache-2.0', type: 'module', engines: { node: '>=22.22' } })
    expect(manifest.description).toMatch(/\.$/)
  })

  test('publishes what it built and the source behind it, without tests', () => {
    expect(manifest.files?.filter((entry) => entry !== 'bin')).toEqual([
      'dist',
      'src',
      '!dist/.tsbuildinfo',
      '!**/*.test.*',
      '!**/testing',
    ])
    expect(manifest.scripts?.['prepack']).toBe('rm -rf dist && tsc -b && cp ../../LICENSE LICENSE')
    expect(readFileSync(new URL(`${folder}/README.md`, repository), 'utf8')).toContain(`# ${manifest.name}\n`)
  })

  test('opens each entry point to its source here and to its dist elsewhere', () => {
    for (const targets of Object.values(manifest.exports ?? {})) {
      const source = targets['millrace-source'] ?? ''
      const built = source.replace('./src/', './dist/').replace(/\.ts$/, '')
      expect(Object.entries(targets)).toEqual([
        ['millrace-source', source],
        ['types', `${built}.d.ts`],
        ['default', `${built}.js`],
      ])
      expect(readFileSync(new URL(`${folder}/${source}`, repository), 'utf8')).not.toBe('')
    }
  })
})

test.each(workspaces)(
  '$manifest.name is compiled after exactly the workspaces that it names',
  ({ folder, manifest }) => {
    const named = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter((name) =>
      names.includes(name),
    )
    const folders = named.map((name) =>
      relative(folder, workspaces.find((one) => one.manifest.name === name)?.folder ?? ''),
    )
    const references = json(`${folder}/tsconfig.json`).references ?? []
    expect(references.map(({ path }) => path).toSorted()).toEqual(folders.toSorted())
  },
)

test('every workspace is compiled by the type check', () => {
  const references = json('tsconfig.json').references ?? []
  expect(references.map(({ path }) => path).toSorted()).toEqual(workspaces.map(({ folder }) => folder).toSorted())
})

test('the oldest Node is the same everywhere', () => {
  expect(root.engines).toEqual({ node: '>=22.22' })
  expect(readFileSync(new URL('packages/cli/bin/check-node.js', repository), 'utf8')).toContain('oldest = [22, 22]')
})

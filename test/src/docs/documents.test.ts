import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filesUnder, repository } from '../structure/source-files.ts'
import { examplesOf } from './examples.ts'
import { anchorsOf, relativeLinks } from './markdown.ts'

const top = fileURLToPath(repository)
const documents = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'].map((path) => ({
    path,
    text: readFileSync(join(top, path), 'utf8'),
  })),
  ...filesUnder(['docs', 'packages', 'jobs', 'bench'], '.md'),
]
const examples = examplesOf(documents).map(({ path, line, file, code, marks }) => ({
  place: `${path}:${line}`,
  file,
  code,
  runs: !marks.includes('no-run'),
}))

// The folder is inside the repository, so that an example imports the packages as a job here does.
const folder = mkdtempSync(join(top, 'docs/.examples-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

for (const { file, code } of examples) writeFileSync(join(folder, file), code)

/** For a process that never ends. */
const TIMEOUT_MS = 25_000

function node(...args: readonly string[]): { status: number | null; output: string } {
  const options = { cwd: folder, encoding: 'utf8', timeout: TIMEOUT_MS } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
  return { status, output: stdout + stderr }
}

test('the TypeScript examples of all documents compile', () => {
  const options = { composite: false, noEmit: true, noUnusedLocals: false }
  const config = {
    extends: '../../tsconfig.base.json',
    compilerOptions: options,
    include: ['*.ts', '../../packages/core/src/node/*.d.ts'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  expect(examples.length).toBeGreaterThan(0)
  expect(node(join(top, 'node_modules/typescript/bin/tsc'), '-p', '.')).toEqual({ status: 0, output: '' })
})

// An example that needs a running job is marked `no-run`: it is only compiled.
describe('an example', () => {
  const running = examples.filter(({ runs }) => runs)
  const outputs = new Map<string, string>()
  let status: number | null

  beforeAll(() => {
    const program = join(top, 'test/src/docs/run-examples.ts')
    const files = running.map(({ file }) => join(folder, file))
    const ended = node('--conditions=millrace-source', program, ...files)
    status = ended.status
    for (const line of ended.output.split('\n')) {
      if (!line.startsWith('{"file":')) continue
      const { file, output } = JSON.parse(line)
      outputs.set(file, output)
    }
  })

  test.each(running)('at $place runs', ({ file }) => {
    expect(outputs.get(join(folder, file))).toBe('')
  })

  test('leaves nothing behind that fails later, or keeps its process', () => {
    expect(status).toBe(0)
  })
})

test.each(documents)('the links of $path lead to files and headings that are there', ({ path, text }) => {
  const missing = relativeLinks(text).filter((link) => {
    const target = link.path === '' ? path : posix.join(posix.dirname(path), link.path)
    if (!existsSync(join(top, target))) return true
    return link.anchor !== '' && !anchorsOf(readFileSync(join(top, target), 'utf8')).has(link.anchor)
  })
  expect(missing).toEqual([])
})

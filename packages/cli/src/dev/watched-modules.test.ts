import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WatchedModules } from './watched-modules.ts'

let folder: string
let modules: WatchedModules
const changes: (readonly string[])[] = []

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-watch-')))
  mkdirSync(join(folder, 'parts'))
  changes.length = 0
  modules = new WatchedModules(join(folder, 'job.ts'), (files) => changes.push(files))
})

afterEach(() => {
  modules.close()
  rmSync(folder, { recursive: true })
})

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const changesAre = (...expected: readonly string[][]) => expect.poll(() => changes).toEqual(expected)

test('a change of any module of the user is reported, and of nothing else', async () => {
  const job = write('job.ts', "import './parts/a.ts'")
  const a = write('parts/a.ts', "import '../b.json' with { type: 'json' }\nimport.meta.dirname")
  const b = write('b.json', '1')
  write('parts/other.ts', '1')
  await modules.look()
  expect([...modules.files].sort()).toEqual([b, job, a].sort())
  write('parts/other.ts', '2')
  write('b.json', '2')
  await changesAre([b])
  // The same content again.
  utimesSync(a, new Date(), new Date())
  write('job.ts', "import './parts/a.ts'")
  write('parts/a.ts', '')
  await changesAre([b], [a])
  await modules.look()
  expect(modules.files).toEqual([job, a])
  write('b.json', '3')
  write('job.ts', '')
  await changesAre([b], [a], [job])
})

test('after an error, a file of code that is created beside the modules is reported', async () => {
  const job = write('job.ts', "import './parts/a.ts'\nimport './missing.ts'")
  const a = write('parts/a.ts', '(')
  await modules.look()
  expect(modules.files).toEqual([job, a])
  modules.broken = true
  write('notes.txt', 'text')
  const missing = write('missing.ts', '1')
  await changesAre([missing])
})

test('a job file that does not exist yet is reported when it is created', async () => {
  await modules.look()
  modules.broken = true
  const job = write('job.ts', '1')
  await changesAre([job])
})

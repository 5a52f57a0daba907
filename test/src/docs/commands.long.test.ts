import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { filesUnder } from '../structure/source-files.ts'
import { nameOf, pathPages } from './examples.ts'
import { FreshClone } from './fresh-clone.ts'
import { codeBlocks } from './markdown.ts'

/** Six commands start one after the other, each the real one: on a busy machine every start takes seconds. */
const TEST_MS_MAX = 120_000

/** The pages of the path have about thirty commands. */
const PATH_MS_MAX = 480_000

const COUNTING_JOB = `import { job, json, stream, string, topic } from '@millrace/core'
export default job('counting', stream(topic('a', { key: string(), value: json() })).groupByKey().count('counts'))
`

let clone: FreshClone
const running = new Set<ChildProcess>()

beforeEach(() => {
  clone = new FreshClone()
})

afterEach(async () => {
  for (const child of running) await interrupt(child)
  clone[Symbol.dispose]()
})

/** Starts a shell command in the clone, as the leader of a process group. */
function startLine(line: string): ChildProcess {
  // The environment of this test itself must not reach a user's commands.
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn('bash', ['-c', line], { cwd: clone.path, detached: true, env: { ...env, NO_COLOR: '1' } })
  running.add(child)
  child.on('close', () => running.delete(child))
  return child
}

/** Does what Ctrl-C does. */
async function interrupt(child: ChildProcess): Promise<void> {
  const ended = once(child, 'close')
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
  await ended
}

async function runLine(line: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = startLine(line)
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    child.stderr === null ? '' : text(child.stderr),
    once(child, 'close'),
  ])
  return { code, stdout, stderr }
}

/** The first output of a running command that matches. */
function outputOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (data) => {
        output += data
        if (pattern.test(output)) resolve(output)
      })
    }
    child.on('close', (code) => reject(new Error(`It ended with ${code}: ${output}`)))
  })
}

test('the job of the README runs in a fresh clone, with the commands as they are written', {
  timeout: TEST_MS_MAX,
}, async () => {
  const readme = readFileSync(join(clone.path, 'README.md'), 'utf8')
  const blocks = codeBlocks(readme)
  const job = blocks.find(({ language }) => language === 'ts')
  const commands = blocks.find(({ language, code }) => language === 'sh' && code.includes('delays.ts'))
  if (job === undefined || commands === undefined) throw new Error('The README has another form')
  writeFileSync(join(clone.path, 'delays.ts'), job.code)
  const lines = commands.code.trim().split('\n')
  const at = lines.findIndex((line) => line.startsWith('npx millrace run'))
  for (const line of lines.slice(0, at)) expect(await runLine(line), line).toMatchObject({ code: 0 })
  await outputOf(startLine(lines[at] ?? ''), /served at http/)
  const queries = lines.slice(at + 1)
  expect(queries).toHaveLength(1)
  // The record may not be committed yet.
  await vi.waitFor(async () => expect((await runLine(queries[0] ?? '')).stdout).toMatch(/ATL.*1.*42/s), {
    timeout: TEST_MS_MAX,
  })
})

test('every other command of the documents runs in a clone that has the topics and the job that they mention', {
  timeout: TEST_MS_MAX,
}, async () => {
  writeFileSync(join(clone.path, 'job.ts'), COUNTING_JOB)
  for (const line of [
    'npx millrace topics create a && npx millrace topics create b',
    'npx millrace topics create orders-without-price',
    `echo '{"n":1}' | npx millrace topics produce a --key k`,
  ]) {
    expect(await runLine(line), line).toMatchObject({ code: 0 })
  }
  const serving = await outputOf(startLine('npx millrace run job.ts'), /served at http\S+/)
  const [, port = ''] = /served at http\S+:(\d+)/.exec(serving) ?? []
  const pages = filesUnder(['docs'], '.md')
  const onPath = new Set(pathPages(pages).map(({ path }) => path))
  const lines = pages
    // npm run published tries the commands of the project's guide, with the packages, and the next tests those of the path, and of the
    // guides about changes, deploying, development, savepoints and rescaling. Benchmarks take long, and the rest are for tests.
    .filter(
      ({ path }) =>
        !/guide\/(project|changing|deploying|developing|savepoints|rescaling)|performance|crash-tests|reliability/.test(
          path,
        ) && !onPath.has(path),
    )
    .flatMap(({ text }) => codeBlocks(text))
    .filter(({ language, marks }) => language === 'sh' && !marks.includes('no-run'))
    .flatMap(({ code }) => code.trim().split('\n'))
  expect(lines.length).toBeGreaterThan(3)
  for (const line of lines) expect(await runLine(line.replaceAll('4711', port)), line).toMatchObject({ code: 0 })
})

test('the commands of the path print what its pages show, each page on the files and topics of the pages before', {
  timeout: PATH_MS_MAX,
}, async () => {
  let shown = 0
  for (const { text } of pathPages(filesUnder(['docs'], '.md'))) {
    let printed = ''
    for (const block of codeBlocks(text)) {
      const name = nameOf(block)
      if (name !== undefined) writeFileSync(join(clone.path, name), block.code)
      if (block.language === '') {
        expect(withoutOffsets(printed)).toBe(withoutOffsets(block.code))
        shown++
      }
      if (block.language !== 'sh') continue
      // The lines of a command end with END, so a block is one script.
      const { code, stdout, stderr } = await runLine(`set -e\n${block.code}`)
      expect(code, `${block.code}: ${stderr}`).toBe(0)
      printed = stdout
    }
  }
  expect(shown).toBe(9)
})

/** Each commit takes an offset for its marker, and on a busy machine a run of a few records may have more than one commit. */
function withoutOffsets(printed: string): string {
  return printed.replace(/^(\d+):\d+ /gm, '$1:… ')
}

test('the commands of the guide about changes print what it shows', { timeout: TEST_MS_MAX }, async () => {
  const blocks = codeBlocks(readFileSync(join(clone.path, 'docs/guide/changing-a-job.md'), 'utf8'))
  for (const { code } of blocks) {
    const [, name] = /^\/\/ (\S+\.ts)\n/.exec(code) ?? []
    if (name !== undefined) writeFileSync(join(clone.path, name), code)
  }
  let printed = ''
  let shown = 0
  for (const { language, code } of blocks) {
    if (language === '') {
      expect(printed).toBe(code)
      shown++
    }
    for (const line of language === 'sh' ? code.trim().split('\n') : []) {
      const { code: exit, stdout, stderr } = await runLine(line)
      expect(exit, `${line}: ${stderr}`).toBe(stdout.includes('is refused') ? 5 : 0)
      printed = stdout
    }
  }
  expect(shown).toBe(2)
})

/** A line of a page as a pattern: times and ports differ. */
function patternOf(line: string): RegExp {
  const escaped = line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(escaped.replace(/in \d+\\\.\d s/, 'in [\\d.]+ s').replace(/:\d{4}$/, ':\\d+'))
}

test('the commands of the guide about writing a job print what it shows', { timeout: TEST_MS_MAX }, async () => {
  let shown = 0
  let dev: ChildProcess | undefined
  let output = ''
  for (const { language, code } of codeBlocks(
    readFileSync(join(clone.path, 'docs/guide/developing-a-job.md'), 'utf8'),
  )) {
    const [, name] = /^\/\/ (\S+\.ts)\n/.exec(code) ?? []
    if (name !== undefined) writeFileSync(join(clone.path, name), code)
    for (const line of language === 'sh' ? code.trim().split('\n') : []) {
      if (!line.startsWith('npx millrace dev')) {
        expect(await runLine(line), line).toMatchObject({ code: 0 })
        continue
      }
      if (dev !== undefined) await interrupt(dev)
      dev = startLine(line)
      output = ''
      for (const stream of [dev.stdout, dev.stderr]) {
        stream?.on('data', (data) => {
          output += data
        })
      }
      await outputOf(dev, /started shop/)
    }
    for (const line of language === '' ? code.trimEnd().split('\n') : []) {
      await vi.waitFor(() => expect(output).toMatch(patternOf(line)), { timeout: TEST_MS_MAX / 4 })
      shown++
    }
  }
  expect(shown).toBe(13)
  expect(output).toMatch(/is a fork of \.millrace \(\d+ topics/)
})

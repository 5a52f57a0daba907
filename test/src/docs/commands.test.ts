import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { filesUnder } from '../structure/source-files.ts'
import { FreshClone } from './fresh-clone.ts'
import { codeBlocks } from './markdown.ts'

/** Six commands start one after the other, each the real one: on a busy machine every start takes seconds. */
const TEST_MS_MAX = 120_000

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
    `echo '{"n":1}' | npx millrace topics produce a --key k`,
  ]) {
    expect(await runLine(line), line).toMatchObject({ code: 0 })
  }
  const serving = await outputOf(startLine('npx millrace run job.ts'), /served at http\S+/)
  const [, port = ''] = /served at http\S+:(\d+)/.exec(serving) ?? []
  const lines = filesUnder(['docs'], '.md')
    // npm run published tries the commands of the guide to projects, and another test those of the guide to savepoints. Benchmarks take long, and the rest
    // are for tests.
    .filter(({ path }) => !/guide\/project|guide\/savepoints|performance|crash-tests|reliability/.test(path))
    .flatMap(({ text }) => codeBlocks(text))
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.trim().split('\n'))
  expect(lines.length).toBeGreaterThan(3)
  for (const line of lines) expect(await runLine(line.replaceAll('4711', port)), line).toMatchObject({ code: 0 })
})

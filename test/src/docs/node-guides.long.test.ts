import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FreshClone } from './fresh-clone.ts'
import { codeBlocks } from './markdown.ts'

// Each guide starts a node at its default port: two at a time would meet there, so they are in one file.

/** Dozens of commands start one after the other: on a busy machine every start takes seconds. */
const TEST_MS_MAX = 240_000

let clone: FreshClone

beforeEach(() => {
  clone = new FreshClone()
})

afterEach(() => {
  runLine('npx millrace down')
  clone[Symbol.dispose]()
})

function countingJob(topic: string): string {
  return `import { job, json, stream, string, topic } from '@millrace/core'
export default job('counting', stream(topic('${topic}', { key: string(), value: json() })).groupByKey().count('counts'))
`
}

function runLine(line: string): { status: number | null; stdout: string; stderr: string } {
  // The environment of this test itself must not reach a user's commands.
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawnSync('bash', ['-c', line], { cwd: clone.path, encoding: 'utf8', env: { ...env, NO_COLOR: '1' } })
}

/** Runs a command, which must succeed, and returns what it prints. */
function printedBy(line: string): string {
  const { status, stdout, stderr } = runLine(line)
  expect(status, `${line}: ${stderr}`).toBe(0)
  return stdout
}

function blocksOf(guide: string) {
  return codeBlocks(readFileSync(join(clone.path, `docs/guide/${guide}.md`), 'utf8'))
}

test.each([
  ['savepoints', 'a'],
  ['rescaling', 'orders'],
])(
  'the commands of the guide to %s run one after the other, as they are written',
  { timeout: TEST_MS_MAX },
  (name, topic) => {
    writeFileSync(join(clone.path, 'job.ts'), countingJob(topic))
    printedBy(`npx millrace topics create ${topic} --partitions 2`)
    printedBy(`echo '{"n":1}' | npx millrace topics produce ${topic} --key k`)
    const lines = blocksOf(name)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ code }) => code.trim().split('\n'))
    expect(lines.length).toBeGreaterThan(5)
    for (const line of lines) printedBy(line)
  },
)

test('the commands of the guide about deploying run in their order, and the views are those that it promises', {
  timeout: TEST_MS_MAX,
}, async () => {
  const printed: string[] = []
  for (const { language, marks, code } of blocksOf('deploying')) {
    if (language === 'ts') writeFileSync(join(clone.path, 'shop.ts'), code)
    for (const line of language === 'sh' && !marks.includes('no-run') ? code.trim().split('\n') : []) {
      if (line.startsWith('npx millrace query')) {
        // The record may not be committed yet.
        await vi.waitFor(() => expect(printedBy(line)).toMatch(/1200/), { timeout: TEST_MS_MAX / 2 })
      } else printed.push(printedBy(line))
    }
  }
  const all = printed.join('')
  expect(all).toMatch(/shop is running/)
  expect(all).toMatch(/Nothing changes\.\nThe processes of the job can be replaced one after the other/)
  expect(all).toMatch(/revision 4/)
})

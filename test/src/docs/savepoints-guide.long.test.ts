import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FreshClone } from './fresh-clone.ts'
import { codeBlocks } from './markdown.ts'

const COUNTING_JOB = `import { job, json, stream, string, topic } from '@millrace/core'
export default job('counting', stream(topic('a', { key: string(), value: json() })).groupByKey().count('counts'))
`

test('the commands of the guide to savepoints run one after the other, as they are written', {
  timeout: 120_000,
}, () => {
  const clone = new FreshClone()
  const runLine = (line: string) => {
    const { NODE_OPTIONS: _, ...env } = process.env
    const { status, stdout, stderr } = spawnSync('bash', ['-c', line], {
      cwd: clone.path,
      encoding: 'utf8',
      env: { ...env, NO_COLOR: '1' },
    })
    return { status, output: stdout + stderr }
  }
  onTestFinished(() => {
    runLine('npx millrace down')
    clone[Symbol.dispose]()
  })
  writeFileSync(join(clone.path, 'job.ts'), COUNTING_JOB)
  for (const line of ['npx millrace topics create a', `echo '{"n":1}' | npx millrace topics produce a --key k`]) {
    expect(runLine(line), line).toMatchObject({ status: 0 })
  }
  const guide = readFileSync(join(clone.path, 'docs/guide/savepoints.md'), 'utf8')
  const lines = codeBlocks(guide)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.trim().split('\n'))
  expect(lines.length).toBeGreaterThan(5)
  for (const line of lines) expect(runLine(line), line).toMatchObject({ status: 0 })
})

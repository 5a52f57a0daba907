import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const bin = (file: string): string => join(repository, 'packages/cli/bin', file)
const oldNode = findOldNode()

/** A Node that is too old: the one that CI sets, else one that this machine happens to have. */
function findOldNode(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  const candidates = [process.env['MILLRACE_OLD_NODE'] ?? '', ...folders.map((folder) => join(folder, 'node'))]
  return candidates.find((path) => {
    if (path === '' || !existsSync(path)) return false
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
    return Number(/^v(\d+)\./.exec(stdout)?.[1] ?? Number.POSITIVE_INFINITY) < 22
  })
}

test('the command, started on a Node that is too old, reports it in one line and exits with 3', (context) => {
  if (oldNode === undefined) {
    if (process.env['CI'] !== undefined) throw new Error('CI must name an old Node in MILLRACE_OLD_NODE')
    context.skip('no Node older than 22 on this machine')
    return
  }
  const { status, stdout, stderr } = spawnSync(oldNode, [bin('millrace.js'), '--help'], { encoding: 'utf8' })
  expect(stderr).toMatch(/^NODE_TOO_OLD: Millrace needs Node 22\.22 or later, and .+ is \d+\.\d+\.\d+\. .+\n$/)
  expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
})

test('a Node that is new enough passes the check without a word', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin('check-node.js')], { encoding: 'utf8' })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
})

test.each(['demo', 'bench'])('npm run %s checks its Node first', (name) => {
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
  expect(scripts[name]).toMatch(/^node packages\/cli\/bin\/check-node\.js && node /)
})

test('in the repository a package is its source, also for the job files that the command runs', () => {
  const script = `await import(${JSON.stringify(`file://${bin('use-source.js')}`)}); console.log(import.meta.resolve('@millrace/core'))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: repository,
    encoding: 'utf8',
  })
  expect(stdout).toMatch(/packages\/core\/src\/index\.ts\n$/)
})

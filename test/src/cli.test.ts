import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 60_000

test('a running job is found, queried and watched, and SIGTERM ends it with 0', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  const produce = (stdin: Buffer) =>
    succeed(['topics', 'produce', 'numbers', '--records', ...data], {
      stdin: `${JSON.stringify({ key: 'k', valueBase64: stdin.toString('base64') })}\n`,
    })
  await succeed(['topics', 'create', 'numbers', ...data])
  const job = start(['run', folder.write('job.ts', SUMMING_JOB), ...data])
  await job.line(/served at/)
  const watch = start(['watch', 'sums', '--json', ...data])
  await watch.line(/Watching sums/)
  await produce(Buffer.from([0, 0, 0, 40]))
  const after = ['--after', 'numbers/0=1']
  expect(await succeed(['query', 'sums', 'k', '--json', ...after, ...data])).toBe('{"key":"k","value":40}\n')
  const missing = await run(['query', 'sums', 'other', ...data])
  expect(missing.stderr).toMatch(/VALUE_MISSING.*"other"/)
  expect(missing.code).toBe(4)
  const noView = await run(['query', 'averages', ...data])
  expect(noView.stderr).toMatch(/VIEW_MISSING.*averages.*sums/)
  expect(noView.code).toBe(4)
  await produce(Buffer.from([0, 0, 0, 2]))
  await watch.line(/"value":42/)
  watch.child.kill('SIGTERM')
  expect((await watch.ended).code).toBe(0)
  const announced = join(folder.data, `jobs/summing@${job.child.pid}.json`)
  expect(existsSync(announced)).toBe(true)
  job.child.kill('SIGTERM')
  expect((await job.ended).code).toBe(0)
  expect(existsSync(announced)).toBe(false)
})

test('a reader that closes the pipe early ends a tail without an error', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  await succeed(['topics', 'create', 'a', '--data', folder.data])
  await succeed(['topics', 'produce', 'a', '--data', folder.data], { stdin: `${'x'.repeat(500)}\n`.repeat(2000) })
  const tail = start(['topics', 'tail', 'a', '--from', 'start', '--data', folder.data])
  tail.child.stdout?.once('data', () => tail.child.stdout?.destroy())
  const { code, stderr } = await tail.ended
  expect(stderr).toBe('')
  expect(code).toBe(0)
})

test('the data directory may be named before the command or after it', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  await succeed(['--data', folder.data, 'topics', 'create', 'a'])
  await succeed(['topics', '--data', folder.data, 'create', 'b'])
  const list = await succeed(['topics', 'list', '--json', '--data', folder.data])
  expect(list.match(/"topic":"\w"/g)).toEqual(['"topic":"a"', '"topic":"b"'])
})

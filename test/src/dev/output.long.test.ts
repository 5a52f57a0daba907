import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run, succeed } from '../flights/command.ts'
import { becomes, dev, produce, shopFolder, TIMEOUT_MS } from './dev-folder.ts'

test('a flood of changes and records is counted and not printed, and a terminal that takes nothing does not stop the job', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  const started = dev(folder, ['--data', folder.data])
  await started.line(/started shop/)
  const records = 50_000
  const stdin = Array.from({ length: records }, (_, at) => `{"key":"k${at}","value":200}\n`).join('')
  await succeed(['topics', 'produce', 'orders', '--records', '--data', folder.data], { stdin })
  await becomes(folder.data, 'sums', `k${records - 1}`, 200)
  await started.line(/topic large-orders {2}… and about [\d,]+ more, too fast to show/)
  await started.line(/view {2}sums +… and at least [\d,]+ more, too fast to show/)
  // From here on, the output is not read.
  started.child.stdout?.pause()
  for (const key of ['x', 'y']) {
    const more = Array.from({ length: records }, (_, at) => `{"key":"${key}${at}","value":200}\n`).join('')
    await succeed(['topics', 'produce', 'orders', '--records', '--data', folder.data], { stdin: more })
    await becomes(folder.data, 'sums', `${key}${records - 1}`, 200)
  }
  started.child.stdout?.resume()
  started.child.kill('SIGTERM')
  const { stdout, stderr } = await started.ended
  expect(stderr).toContain(`shop has stopped: ${(3 * records).toLocaleString('en-US')} records committed`)
  expect(stdout.split('\n').length).toBeLessThan(4000)
})

test('only what is chosen is printed', { timeout: TIMEOUT_MS }, async () => {
  const folder = shopFolder()
  const started = dev(folder, ['--data', folder.data, '--view', 'sums', '--topic', 'large-orders'])
  await started.line(/started shop/)
  await produce(folder, 'a', 100)
  await started.line(/topic large-orders {2}a {2}100/)
  await started.line(/view {2}sums +a {2}100/)
  started.child.kill('SIGTERM')
  expect((await started.ended).stdout).not.toMatch(/counts|priced/)
  const quiet = dev(folder, ['--data', folder.data, '--quiet'])
  await quiet.line(/started shop/)
  await produce(folder, 'a', 100)
  await becomes(folder.data, 'sums', 'a', 200)
  quiet.child.kill('SIGTERM')
  expect((await quiet.ended).stdout).toBe('')
  const both = await run(['dev', 'job.ts', '--fork', folder.data, '--data', folder.data], { cwd: folder.path })
  expect(both).toMatchObject({ code: 1, stderr: expect.stringContaining('BAD_INPUT: With --fork') })
  const none = await run(['dev', 'job.ts', '--fork', join(folder.path, 'missing')], { cwd: folder.path })
  expect(none).toMatchObject({ code: 4, stderr: expect.stringContaining('it is not a data directory') })
})

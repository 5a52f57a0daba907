import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { run, succeed } from '../flights/command.ts'
import {
  becomes,
  contentOf,
  dev,
  forksOf,
  LOOPING_PRICE,
  price,
  processesWith,
  produce,
  shopFolder,
  shownValue,
  TIMEOUT_MS,
} from './dev-folder.ts'

test('a fork runs on what the data directory holds, two at once, and leaves every byte of it as it was', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  const first = dev(folder, ['--data', folder.data])
  await first.line(/started shop/)
  await produce(folder, 'a', 5, 200)
  await becomes(folder.data, 'sums', 'a', 205)
  first.child.kill('SIGTERM')
  await first.ended
  const before = contentOf(folder.data)
  const forks = [dev(folder, ['--fork', folder.data]), dev(folder, ['--fork', folder.data])]
  for (const fork of forks) {
    const [, , data = ''] = await fork.line(/(\S+) is a fork of \S+ .*[\s\S]*started shop[\s\S]* --data (\S+)/)
    await becomes(data, 'sums', 'a', 205)
    const stdin = '{"key":"a","value":1000}\n'
    await succeed(['topics', 'produce', 'orders', '--records', '--data', data], { stdin })
    await becomes(data, 'sums', 'a', 1205)
    expect(await shownValue(data, 'counts', 'a')).toBe(3)
  }
  expect(forksOf(folder.data)).toHaveLength(2)
  for (const { child, ended } of forks) {
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 0, stderr: expect.not.stringContaining('rebuilt') })
  }
  expect(contentOf(folder.data)).toEqual(before)
  expect(readdirSync(dirname(folder.data)).filter((name) => name.includes('.fork-'))).toEqual([])
})

test('a fork of a directory that others write to is of one moment', { timeout: TIMEOUT_MS }, async () => {
  const folder = shopFolder()
  const original = dev(folder, ['--data', folder.data, '--quiet'])
  await original.line(/started shop/)
  let sent = 0
  let isOver = false
  const sending = (async () => {
    while (!isOver) {
      await produce(folder, 'a', ...Array.from({ length: 20 }, () => 1))
      sent += 20
    }
  })()
  await becomes(folder.data, 'counts', 'b', undefined)
  const fork = dev(folder, ['--fork', folder.data, '--quiet'])
  const [, data = ''] = await fork.line(/started shop[\s\S]* --data (\S+)/)
  isOver = true
  await sending
  await becomes(folder.data, 'counts', 'a', sent)
  const { stdout } = await run(['topics', 'tail', 'orders', '--from', 'start', '--until-end', '--data', data])
  const forked = stdout.trimEnd().split('\n').length
  expect(forked).toBeGreaterThan(0)
  expect(forked).toBeLessThanOrEqual(sent)
  await becomes(data, 'counts', 'a', forked)
  await becomes(data, 'sums', 'a', forked)
})

test('a killed command leaves no process, also of a job that loops, and the next start removes its fork', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  const first = dev(folder, ['--data', folder.data])
  await first.line(/started shop/)
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'sums', 'a', 1)
  first.child.kill('SIGKILL')
  await first.ended
  const isGone = () => expect.poll(() => processesWith(folder.path), { timeout: 60_000 }).toEqual([])
  await isGone()
  folder.write('price.ts', LOOPING_PRICE)
  const looping = dev(folder, ['--fork', folder.data])
  const [, data = ''] = await looping.line(/started shop[\s\S]* --data (\S+)/)
  const stdin = '{"key":"a","value":1000}\n'
  await succeed(['topics', 'produce', 'orders', '--records', '--data', data], { stdin })
  looping.child.kill('SIGKILL')
  await looping.ended
  await isGone()
  expect(forksOf(folder.data)).toEqual([data])
  folder.write('price.ts', price('1'))
  const next = dev(folder, ['--fork', folder.data])
  const [, fork = ''] = await next.line(/started shop[\s\S]* --data (\S+)/)
  expect(forksOf(folder.data)).toEqual([fork])
  expect(fork).not.toBe(data)
})

import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ContainerLogs } from './container-logs.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-logs-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const texts = (logs: ContainerLogs, count = 1_000_000) => logs.last('orders', count).map(({ text }) => text)

test('the last lines of a job come back in order, also after the node was started again', () => {
  const logs = new ContainerLogs(nodeEnv(), directory)
  for (const text of ['one', 'two', 'three']) logs.print('orders', '1.1', 'info', text)
  logs.print('others', '1.1', 'info', 'of another job')
  logs.close()
  const again = new ContainerLogs(nodeEnv(), directory)
  again.print('orders', '1.2', 'error', 'four\nfive')
  expect(texts(again)).toEqual(['one', 'two', 'three', 'four\nfive'])
  expect(texts(again, 2)).toEqual(['three', 'four\nfive'])
  expect(again.last('orders', 1)).toMatchObject([{ container: '1.2', level: 'error' }])
  again.close()
})

test('the log of a job takes 32 MiB at most, and keeps the newest lines', () => {
  const logs = new ContainerLogs(nodeEnv(), directory)
  const line = 'x'.repeat(16_000)
  for (let number = 0; number < 2500; number++) logs.print('orders', '1.1', 'info', `${number} ${line}`)
  logs.close()
  const folder = join(directory, 'orders')
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size)
  expect(sizes).toHaveLength(4)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(8 * 1024 * 1024)
  const [first = '', last = ''] = [texts(logs).at(0), texts(logs).at(-1)]
  expect(Number.parseInt(first, 10)).toBeGreaterThan(0)
  expect(Number.parseInt(last, 10)).toBe(2499)
})

test('a line that a crash cut off is left out, and the lines after it are read', () => {
  const logs = new ContainerLogs(nodeEnv(), directory)
  logs.print('orders', '1.1', 'info', 'whole')
  logs.close()
  appendFileSync(join(directory, 'orders', 'log.ndjson'), '{"atMs":1,"contai')
  const again = new ContainerLogs(nodeEnv(), directory)
  again.print('orders', '1.1', 'info', 'after')
  expect(texts(again)).toEqual(['whole', 'after'])
  again.close()
})

test('a line of more than 16 Ki characters is cut', () => {
  const logs = new ContainerLogs(nodeEnv(), directory)
  logs.print('orders', '1.1', 'info', 'x'.repeat(20_000))
  expect(texts(logs)).toEqual(['x'.repeat(16_384)])
  logs.close()
})

test('a follower gets each later line until it leaves', () => {
  const logs = new ContainerLogs(nodeEnv(), directory)
  const got: string[] = []
  logs.print('orders', '1.1', 'info', 'before')
  const leave = logs.follow('orders', ({ text }) => got.push(text))
  logs.print('orders', '1.1', 'info', 'during')
  leave()
  logs.print('orders', '1.1', 'info', 'after')
  expect(got).toEqual(['during'])
  logs.close()
})

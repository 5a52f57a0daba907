import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { UserFolder } from '../command/job-files.ts'
import { run, type Started, start, succeed } from '../flights/command.ts'

export const TIMEOUT_MS = 120_000
export const LOOK_MS = 20

export const SHOP_JOB = `
import { job, json, stream, string, topic } from '@millrace/core'
import { price } from './price.ts'

const orders = topic('orders', { key: string(), value: json<number>() })
const large = topic('large-orders', { key: string(), value: json<number>() })
const sums = stream(orders).groupByKey().reduce('sums', (a, b) => a + b)
const priced = stream(orders).mapValues(price).groupByKey().reduce('priced', (a, b) => a + b)
const counts = stream(orders).groupByKey().count('counts')
export default job('shop', sums, priced, counts, stream(orders).filter((pieces) => pieces >= 100).to(large))
`
export const price = (factor: string) => `export const price = (pieces: number): number => pieces * ${factor}\n`

export const LOOPING_PRICE = 'export function price(pieces: number): number {\n  for (;;) pieces++\n}\n'

/** A job whose window has this size. */
export const windowsJob = (size: string) => `
import { job, json, stream, string, topic, tumbling } from '@millrace/core'

const orders = topic('orders', { key: string(), value: json<number>(), timestamp: () => 0 })
const counts = stream(orders).groupByKey().count('counts')
export default job('windows', counts, stream(orders).groupByKey().window(tumbling('${size}')).count('sized'))
`

export function shopFolder(): UserFolder {
  const folder = new UserFolder()
  onTestFinished(() => folder[Symbol.dispose]())
  folder.write('price.ts', price('1'))
  folder.write('job.ts', SHOP_JOB)
  return folder
}

/** Starts the command in a folder; it ends with the test. */
export function dev(folder: UserFolder, args: readonly string[], env = {}): Started {
  const started = start(['dev', 'job.ts', ...args], { cwd: folder.path, env })
  onTestFinished(async () => {
    started.child.kill('SIGTERM')
    await started.ended.catch(() => undefined)
  })
  return started
}

export async function produce(folder: UserFolder, key: string, ...values: number[]): Promise<void> {
  const stdin = values.map((value) => `${JSON.stringify({ key, value })}\n`).join('')
  await succeed(['topics', 'produce', 'orders', '--records', '--data', folder.data], { stdin })
}

export async function shownValue(data: string, view: string, key: string): Promise<unknown> {
  const { code, stdout } = await run(['query', view, key, '--json', '--data', data])
  return code === 0 ? JSON.parse(stdout).value : undefined
}

export const becomes = (data: string, view: string, key: string, value: unknown) =>
  expect.poll(() => shownValue(data, view, key), { timeout: 60_000 }).toBe(value)

/** Every file of a directory with its bytes, and every directory. */
export function contentOf(directory: string): Map<string, string | null> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
  return new Map(
    names.map((name) => {
      const path = join(directory, name)
      return [name, statSync(path).isDirectory() ? null : readFileSync(path).toString('base64')]
    }),
  )
}

/** The forks of a data directory that exist, without their locks. */
export function forksOf(data: string): string[] {
  const names = readdirSync(dirname(data)).filter((name) => name.startsWith(`${basename(data)}.fork-`))
  return names.filter((name) => !name.endsWith('.lock')).map((name) => join(dirname(data), name))
}

/** The processes with this text among their arguments. Those that have ended and were not waited for do not count. */
export function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text)
    } catch {
      return false
    }
  })
}

/** The command on its own terminal. */
export function onTerminal(folder: UserFolder, args: readonly string[]) {
  const command = fileURLToPath(new URL('../../../packages/cli/bin/millrace.js', import.meta.url))
  const line = [process.execPath, command, 'dev', 'job.ts', ...args].map((each) => `'${each}'`).join(' ')
  const { CI: _, ...env } = process.env
  const child = spawn('script', ['-qfec', line, '/dev/null'], {
    cwd: folder.path,
    env: { ...env, NO_COLOR: '1', TERM: 'xterm' },
  })
  onTestFinished(() => void child.kill())
  let shown = ''
  child.stdout.on('data', (text) => {
    shown += text
  })
  return {
    type: (text: string) => void child.stdin.write(text),
    async shows(pattern: RegExp): Promise<void> {
      const deadlineMs = performance.now() + TIMEOUT_MS
      while (!pattern.test(shown.replaceAll('\r', ''))) {
        if (performance.now() > deadlineMs) throw new Error(`The terminal never showed ${pattern}: ${shown}`)
        await setTimeout(LOOK_MS)
      }
    },
  }
}

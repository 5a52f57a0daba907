import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, type Started, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 120_000
const LOOK_MS = 20

const SHOP_JOB = `
import { job, json, stream, string, topic } from '@millrace/core'
import { price } from './price.ts'

const orders = topic('orders', { key: string(), value: json<number>() })
const large = topic('large-orders', { key: string(), value: json<number>() })
const sums = stream(orders).groupByKey().reduce('sums', (a, b) => a + b)
const priced = stream(orders).mapValues(price).groupByKey().reduce('priced', (a, b) => a + b)
const counts = stream(orders).groupByKey().count('counts')
export default job('shop', sums, priced, counts, stream(orders).filter((pieces) => pieces >= 100).to(large))
`
const price = (factor: string) => `export const price = (pieces: number): number => pieces * ${factor}\n`

const LOOPING_PRICE = 'export function price(pieces: number): number {\n  for (;;) pieces++\n}\n'

/** A job whose window has this size. */
const windowsJob = (size: string) => `
import { job, json, stream, string, topic, tumbling } from '@millrace/core'

const orders = topic('orders', { key: string(), value: json<number>(), timestamp: () => 0 })
const counts = stream(orders).groupByKey().count('counts')
export default job('windows', counts, stream(orders).groupByKey().window(tumbling('${size}')).count('sized'))
`

function shopFolder(): UserFolder {
  const folder = new UserFolder()
  onTestFinished(() => folder[Symbol.dispose]())
  folder.write('price.ts', price('1'))
  folder.write('job.ts', SHOP_JOB)
  return folder
}

/** Starts the command in a folder; it ends with the test. */
function dev(folder: UserFolder, args: readonly string[], file = 'job.ts'): Started {
  const started = start(['dev', file, ...args], { cwd: folder.path })
  onTestFinished(async () => {
    started.child.kill('SIGTERM')
    await started.ended.catch(() => undefined)
  })
  return started
}

async function produce(folder: UserFolder, key: string, ...values: number[]): Promise<void> {
  const stdin = values.map((value) => `${JSON.stringify({ key, value })}\n`).join('')
  await succeed(['topics', 'produce', 'orders', '--records', '--data', folder.data], { stdin })
}

async function shownValue(data: string, view: string, key: string): Promise<unknown> {
  const { code, stdout } = await run(['query', view, key, '--json', '--data', data])
  return code === 0 ? JSON.parse(stdout).value : undefined
}

const becomes = (data: string, view: string, key: string, value: unknown) =>
  expect.poll(() => shownValue(data, view, key), { timeout: 60_000 }).toBe(value)

/** Every file of a directory with its bytes, and every directory. */
function contentOf(directory: string): Map<string, string | null> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
  return new Map(
    names.map((name) => {
      const path = join(directory, name)
      return [name, statSync(path).isDirectory() ? null : readFileSync(path).toString('base64')]
    }),
  )
}

/** The forks of a data directory that exist, without their locks. */
function forksOf(data: string): string[] {
  const names = readdirSync(dirname(data)).filter((name) => name.startsWith(`${basename(data)}.fork-`))
  return names.filter((name) => !name.endsWith('.lock')).map((name) => join(dirname(data), name))
}

/** The processes with this text among their arguments. Those that have ended and were not waited for do not count. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text)
    } catch {
      return false
    }
  })
}

test('a job that is edited in the middle of its records counts each of them once, and what was saved applies from then on', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  const started = dev(folder, ['--data', folder.data])
  await started.line(/Topic orders did not exist\. It was created, with 1 partition/)
  await started.line(/started shop in .* served at http/)
  let sent = 0
  let isOver = false
  const sending = (async () => {
    while (!isOver) {
      await produce(folder, 'a', ...Array.from({ length: 50 }, () => 1))
      sent += 50
    }
  })()
  await started.line(/view {2}counts +a {2}\d+/)
  folder.write('job.ts', SHOP_JOB.replace('pieces >= 100', 'pieces >= 50'))
  await started.line(/job\.ts changed\nreloaded shop in .*: 3 stores continue/)
  isOver = true
  await sending
  await produce(folder, 'a', 60)
  await started.line(/topic large-orders {2}a {2}60\n/)
  await becomes(folder.data, 'counts', 'a', sent + 1)
  await becomes(folder.data, 'sums', 'a', sent + 60)
})

test('an edited import reloads the job, an error in it does not, and the running version continues', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  const started = dev(folder, ['--data', folder.data])
  await started.line(/Watching job\.ts and 1 file that it imports/)
  await started.line(/started shop/)
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'priced', 'a', 1)
  folder.write('price.ts', price('"ten"'))
  await started.line(/JOB_FILE_BROKEN: [\s\S]*price\.ts:1:\d+ - error TS2363[\s\S]*The running version continues/)
  await produce(folder, 'a', 2)
  await becomes(folder.data, 'priced', 'a', 3)
  // Some editors write a new file, and give it the name of the old one.
  renameSync(folder.write('price.ts.new', price('10')), join(folder.path, 'price.ts'))
  await started.line(/reloaded shop in .*: 3 stores continue/)
  await produce(folder, 'a', 3)
  await becomes(folder.data, 'priced', 'a', 33)
  // An import that is missing, and is created.
  folder.write('job.ts', `import './more.ts'\n${SHOP_JOB}`)
  await started.line(/more\.ts[\s\S]*The running version continues/)
  folder.write('more.ts', 'console.log("more of the job")\n')
  await started.line(/more\.ts changed[\s\S]*reloaded shop/)
  await started.line(/more of the job/)
  started.child.kill('SIGINT')
  const { code, stderr } = await started.ended
  expect(code).toBe(0)
  expect(stderr).toMatch(/shop has stopped: 3 records committed\n$/)
})

test('a version that would lose a store does not start without consent, and says how to give it', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  folder.write('job.ts', windowsJob('1h'))
  const started = dev(folder, ['--data', folder.data])
  await started.line(/started windows/)
  await produce(folder, 'a', 1)
  await started.line(/view {2}sized +a 1970-01-01T00:00 {2}1/)
  folder.write('job.ts', windowsJob('2h'))
  await started.line(
    /STORE_CHANGED: [\s\S]*window size 1h, now 2h[\s\S]*--accept-loss[\s\S]*The running version continues/,
  )
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'counts', 'a', 2)
  started.child.kill('SIGTERM')
  await started.ended
  const accepting = dev(folder, ['--accept-loss', 'sized', '--data', folder.data])
  await accepting.line(/started windows/)
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'counts', 'a', 3)
  await accepting.line(/view {2}sized +a 1970-01-01T00:00 {2}1/)
  accepting.child.kill('SIGTERM')
  await accepting.ended
  folder.write('job.ts', windowsJob('3h'))
  const resetting = dev(folder, ['--reset', '--data', folder.data])
  await resetting.line(/view {2}sized +a 1970-01-01T00:00 {2}3/)
  await resetting.line(/view {2}counts +a {2}3/)
})

test('a person is asked on the terminal what becomes of a store, and Ctrl-C works there', {
  timeout: TIMEOUT_MS,
  skip: !existsSync('/usr/bin/script'),
}, async () => {
  const folder = shopFolder()
  folder.write('job.ts', windowsJob('1h'))
  const first = dev(folder, ['--data', folder.data])
  await first.line(/started windows/)
  await produce(folder, 'a', 1)
  await first.line(/view {2}sized/)
  first.child.kill('SIGTERM')
  await first.ended
  folder.write('job.ts', windowsJob('2h'))
  const terminal = onTerminal(folder, ['--data', folder.data])
  await terminal.shows(/sized +would start empty: what it holds is lost[\s\S]*start nothing until[\s\S]*a, r or k\? /)
  terminal.type('k\n')
  folder.write('job.ts', windowsJob('3h'))
  await terminal.shows(/1h, now 3h[\s\S]*a, r or k\? $/)
  terminal.type('a\n')
  await terminal.shows(/started windows/)
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'counts', 'a', 2)
  folder.write('job.ts', windowsJob('4h'))
  await terminal.shows(/3h, now 4h[\s\S]*keep the running version[\s\S]*a, r or k\? $/)
  terminal.type('r\n')
  await terminal.shows(
    /reloaded windows in .*: everything is computed again[\s\S]*view {2}sized +a 1970-01-01T00:00 {2}2/,
  )
  folder.write('job.ts', windowsJob('5h'))
  await terminal.shows(/4h, now 5h[\s\S]*a, r or k\? $/)
  terminal.type('\u0003')
  await terminal.shows(/windows has stopped: \d+ records? committed/)
})

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

test('a version that loops without an end is killed when a change replaces it, and no record is lost', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  const started = dev(folder, ['--data', folder.data])
  await started.line(/started shop/)
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'priced', 'a', 1)
  folder.write('price.ts', LOOPING_PRICE)
  await started.line(/reloaded shop/)
  await produce(folder, 'a', 2)
  folder.write('price.ts', price('10'))
  await started.line(/The former version did not end in time, and was killed[\s\S]*reloaded shop/)
  await becomes(folder.data, 'priced', 'a', 21)
  await becomes(folder.data, 'sums', 'a', 3)
})

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

/** The command on its own terminal. */
function onTerminal(folder: UserFolder, args: readonly string[]) {
  const command = fileURLToPath(new URL('../../packages/cli/bin/millrace.js', import.meta.url))
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

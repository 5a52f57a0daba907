import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { type Ended, run, type Started, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 120_000

const doctor = (folder: UserFolder, ...args: string[]) => run(['doctor', '--data', folder.data, ...args])

/** What the machine that runs the test may lack. */
const MACHINE = /^ {2}\w+ +(?:Memory|Clock|Open files|File watches|Temporary files|Disk)\b/

/** The lines of findings that are not fine, without what to do, and without those about this machine. */
function bad({ stdout }: Ended): string[] {
  const lines: string[] = stdout.match(/^ {2}(?:warning|problem) .*$/gm) ?? []
  return lines.filter((line) => !MACHINE.test(line))
}

/** Everything in a directory: each path with its mode, and its content. */
function contentOf(directory: string): [string, number, string][] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name)
    return [path, statSync(path).mode, entry.isFile() ? readFileSync(path, 'base64') : '']
  })
}

async function createTopic(folder: UserFolder): Promise<void> {
  await succeed(['topics', 'create', 'numbers', '--partitions', '2', '--data', folder.data])
}

/** Starts the job, in a process that is killed at the end of the test. */
async function startJob(folder: UserFolder): Promise<Started & { readonly pid: number } & AsyncDisposable> {
  const job = folder.write('job.ts', SUMMING_JOB)
  const started = start(['run', job, '--no-check', '--data', folder.data])
  await started.line(/served at http/)
  const end = async () => {
    started.child.kill('SIGKILL')
    await started.ended
  }
  return { ...started, pid: started.child.pid ?? 0, [Symbol.asyncDispose]: end }
}

test('a data directory without faults is fine in every check, and does not change', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  await createTopic(folder)
  await succeed(['topics', 'produce', 'numbers', '--data', folder.data], { stdin: 'one\ntwo\n' })
  const before = contentOf(folder.data)
  const ended = await doctor(folder, '--full')
  expect(bad(ended)).toEqual([])
  expect(ended).toMatchObject({ code: 0 })
  expect(ended.stdout).toContain('Log: 2 partitions without damage (all ')
  expect(contentOf(folder.data)).toEqual(before)
})

test('a missing data directory is not made: only the machine is checked', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const ended = await doctor(folder)
  expect(ended.stdout).toContain(`Directory: ${folder.data} does not exist`)
  expect(ended.stdout).toContain('Versions: Millrace')
  expect(ended.stdout).not.toMatch(/^Log$/m)
  expect(ended.code).toBe(0)
  expect(existsSync(folder.data)).toBe(false)
})

test('an open data directory is a warning, and stays open', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  await createTopic(folder)
  chmodSync(folder.data, 0o755)
  const ended = await doctor(folder)
  expect(bad(ended)).toContainEqual(expect.stringMatching(/^ {2}warning .*mode 0755/))
  expect(ended.stdout).toContain(`"chmod 700 ${folder.data}"`)
  expect(ended.code).toBe(0)
  expect(statSync(folder.data).mode & 0o777).toBe(0o755)
})

test('a directory that is not a data directory, or has another version, is a problem', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  mkdirSync(folder.data)
  writeFileSync(join(folder.data, 'thesis.txt'), '')
  const foreign = await doctor(folder)
  expect(foreign).toMatchObject({ code: 6, stderr: expect.stringContaining('PROBLEMS_FOUND: ') })
  expect(bad(foreign)).toContainEqual(expect.stringContaining('is not a data directory of Millrace'))
  writeFileSync(join(folder.data, 'millrace.json'), '{"version":3}')
  const older = await doctor(folder)
  expect(older.code).toBe(6)
  expect(bad(older)).toContainEqual(expect.stringContaining('has version 3, and this Millrace works with version'))
})

test('damage ends with 6, and with --json each check is an object on a line', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  await createTopic(folder)
  await succeed(['topics', 'produce', 'numbers', '--key', 'k', '--data', folder.data], { stdin: 'one\n' })
  const segments = [0, 1].map((number) => join(folder.data, `topics/numbers/${number}/00000000000000000000.log`))
  const segment = segments.find((path) => statSync(path).size > 0) ?? ''
  truncateSync(segment, 10)
  const { code, stdout } = await doctor(folder, '--json')
  expect(code).toBe(6)
  const findings = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(findings.filter(({ status }) => status === 'problem')).toMatchObject([
    { group: 'Log', check: 'Log', where: segment, advice: expect.stringContaining('millrace log repair numbers') },
  ])
  for (const finding of findings) {
    expect(Object.keys(finding)).toEqual(expect.arrayContaining(['group', 'status', 'check', 'what']))
    expect('advice' in finding).toBe(finding.status !== 'ok')
  }
})

test('a job that runs is fine; stopped, it is a problem with its process; killed, only its traces are left', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  await createTopic(folder)
  await using job = await startJob(folder)
  const { pid } = job
  const running = await doctor(folder)
  expect(bad(running)).toEqual([])
  expect(running.stdout).toContain(`Job summing: 1 process (${pid}) with 2 tasks`)
  expect(running.stdout).toContain(`Views of summing: process ${pid} answers at http://127.0.0.1:`)

  job.child.kill('SIGSTOP')
  const stopped = await doctor(folder)
  expect(stopped.code).toBe(6)
  expect(bad(stopped)).toEqual([
    expect.stringMatching(`problem +Process ${pid}: it is stopped: .*job summing does not run`),
  ])
  expect(stopped.stdout).toContain(`"kill -CONT ${pid}"`)

  job.child.kill('SIGKILL')
  await job.ended
  const killed = await doctor(folder, '--full')
  expect(bad(killed)).toEqual([])
  expect(killed).toMatchObject({ code: 0 })
  expect(killed.stdout).toMatch(/Left behind: 1 member.*next process cleans up/)
  expect(killed.stdout).toMatch(/Old announcements: 1 file of processes of summing that have ended/)
})

test('a stopped process beside one that runs is a warning', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  await createTopic(folder)
  await using first = await startJob(folder)
  await using _ = await startJob(folder)
  first.child.kill('SIGSTOP')
  const ended = await doctor(folder)
  expect(bad(ended)).toEqual([expect.stringMatching(`warning +Process ${first.pid}: .*other processes of job summing`)])
  expect(ended.code).toBe(0)
})

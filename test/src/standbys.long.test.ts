import { existsSync, readFileSync } from 'node:fs'
import type { JobStatus } from '@millrace/core'
import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, type Started, start, succeed } from './flights/command.ts'

const TOKEN = 'standbys-of-three-processes'
const PARTITIONS = 6
const KEYS = 3000

const JOB = `
import { json, job, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json() })
const sums = stream(numbers).groupByKey().reduce('sums', (a, b) => a + b)
export default job('summing', sums)
`

interface Process {
  readonly started: Started
  readonly url: string
}

test('if one of three processes is killed, the others go on with its tasks from their standbys, and every total is exact', {
  timeout: 120_000,
}, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  const env = { MILLRACE_TOKEN: TOKEN }
  await succeed(['topics', 'create', 'numbers', '--partitions', String(PARTITIONS), ...data])
  const totals = new Map<string, number>()
  const produce = async (value: number) => {
    const lines = Array.from({ length: KEYS }, (_, key) => {
      totals.set(`k${key}`, (totals.get(`k${key}`) ?? 0) + value)
      return `${JSON.stringify({ key: `k${key}`, value })}\n`
    })
    await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: lines.join('') })
  }
  await produce(1)
  const args = ['run', '--no-check', '--standbys', '1', folder.write('job.ts', JOB), ...data]
  const open = async (): Promise<Process> => {
    const started = start(args, { env })
    return { started, url: (await started.line(/served at (\S+)\n/))[1] ?? '' }
  }
  const processes = [await open(), await open(), await open()]
  const statusOf = async ({ url }: Process): Promise<JobStatus> => {
    const response = await fetch(`${url}/status`, { headers: { authorization: `Bearer ${TOKEN}` } })
    return (await response.json()) as JobStatus
  }
  const statuses = (of: readonly Process[]) => Promise.all(of.map(statusOf))

  /** Whether these processes have all tasks, and standbys of all that are at the end of their changelogs. */
  const areWarm = async (of: readonly Process[]) => {
    const found = await statuses(of)
    const tasks = found.map((status) => status.tasks.length)
    const standbys = found.flatMap((status) => status.standbys ?? [])
    const atEnd = standbys.filter(({ phase, offset, endOffset }) => phase === 'ready' && offset >= endOffset)
    const even = Math.max(...tasks) - Math.min(...tasks) <= 1
    return even && tasks.reduce((sum, count) => sum + count, 0) === PARTITIONS && atEnd.length === PARTITIONS
  }
  const rows = async () => {
    const { stdout } = await run(['query', 'sums', '--all', '--json', ...data])
    return new Map(stdout.split('\n').flatMap((line) => (line === '' ? [] : [entryIn(line)])))
  }
  const areExact = () => expect.poll(rows, { timeout: 30_000, interval: 250 }).toEqual(totals)
  const areAllWarm = (of: readonly Process[]) =>
    expect.poll(() => areWarm(of), { timeout: 30_000, interval: 250 }).toBe(true)

  await areAllWarm(processes)
  await produce(10)
  await areExact()
  await areAllWarm(processes)
  const [killed, ...others] = processes
  if (killed === undefined) throw new Error('No process was started')
  const lost = (await statusOf(killed)).tasks.map(({ task }) => task)
  expect(lost).toHaveLength(2)
  const before = new Map(lost.map((task) => [task, ownersCopy(folder.data, task)]))

  const more = produce(100)
  killed.started.child.kill('SIGKILL')
  await killed.started.ended
  // A part without its process is missing, or comes from a standby if the reader accepts that.
  const answer = await entriesOf(others[0]?.url ?? '', 'stale=true')
  expect(answer.status).toBe(200)
  expect(answer.entries.length).toBeGreaterThan(0)
  await more
  await areExact()
  const taken = (await statuses(others)).flatMap(({ tasks }) => tasks).filter(({ task }) => lost.includes(task))
  expect(taken.map(({ task }) => task).sort()).toEqual(lost.sort())
  for (const { task, counts } of taken) {
    // Another copy than that of the killed process, and hardly a record that it did not have: each key has had three.
    expect(ownersCopy(folder.data, task), task).not.toBe(before.get(task))
    expect(counts.restored, task).toBeLessThan(KEYS / PARTITIONS + 100)
  }

  // The two processes keep standbys of each other's tasks, and a process that joins takes its share without a gap.
  await areAllWarm(others)
  others.push(await open())
  await areAllWarm(others)
  await produce(1000)
  await areExact()
  for (const { started } of others) started.child.kill('SIGTERM')
  for (const { started } of others) expect((await started.ended).code).toBe(0)
  // The last owners' copies are opened again; nothing has to be computed or restored.
  const again = await open()
  await expect.poll(async () => (await statusOf(again)).tasks.length).toBe(PARTITIONS)
  for (const { task, counts } of (await statusOf(again)).tasks) expect(counts.restored, task).toBe(0)
  await areExact()
  again.started.child.kill('SIGTERM')
  expect((await again.started.ended).code).toBe(0)
})

/** A page of the view, as a process answers it. */
async function entriesOf(url: string, parameters: string): Promise<{ status: number; entries: readonly unknown[] }> {
  const headers = { authorization: `Bearer ${TOKEN}` }
  const response = await fetch(`${url}/views/sums/entries?${parameters}`, { headers })
  const { entries = [] } = (await response.json()) as { entries?: readonly unknown[] }
  return { status: response.status, entries }
}

function entryIn(line: string): [string, number] {
  const { key, value } = JSON.parse(line)
  return [key, value]
}

/** Which copy of a task's state its owner had open last. */
function ownersCopy(data: string, task: string): string {
  const hint = `${data}/state/summing/${task}.owner`
  return existsSync(hint) ? readFileSync(hint, 'utf8') : '1'
}

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { UserFolder } from '../command/job-files.ts'
import { run, start, succeed } from '../flights/command.ts'

const TIMEOUT_MS = 120_000
const LOOK_MS = 20

const SUMMING_JOB = `
import { job, json, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json<number>() })
export default job('summing', stream(numbers).groupByKey().reduce('sums', (a, b) => a + b))
`

/** As the summing job, with its changes in a topic. */
const CHANGES_JOB = `
import { job, json, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const sums = stream(numbers).groupByKey().reduce('sums', (a, b) => a + b)
export default job('summing', sums, sums.changes().to(topic('changes', { key: string(), value: json<number>() })))
`

/** A job that keeps more than its heap has. */
const GREEDY_JOB = `
import { job, json, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const kept: number[][] = []
const greedy = stream(numbers).mapValues((value) => {
  for (let more = 0; more < 100; more++) kept.push(Array.from({ length: 100_000 }, (_, at) => at + Math.random()))
  return value
})
export default job('greedy', greedy.groupByKey().count('counts'))
`

/** A user's folder whose node, if it has one, ends with the test. */
function userFolder(): UserFolder {
  const folder = new UserFolder()
  onTestFinished(async () => {
    await run(['down', '--data', folder.data])
    folder[Symbol.dispose]()
  })
  return folder
}

interface Pids {
  readonly node: number
  readonly containers: readonly number[]
}

async function pids(folder: UserFolder, job: string): Promise<Pids> {
  const { containers } = JSON.parse(await succeed(['status', job, '--json', '--data', folder.data]))
  const node: { pid: number } = JSON.parse(readFileSync(join(folder.data, 'node', 'node.json'), 'utf8'))
  return { node: node.pid, containers: containers.map(({ pid }: { pid: number }) => pid) }
}

async function ended(pid: number): Promise<void> {
  // A zombie has ended.
  const isAlive = () => existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  while (isAlive()) await setTimeout(LOOK_MS)
}

async function summing(folder: UserFolder): Promise<string[]> {
  const data = ['--data', folder.data]
  await succeed(['topics', 'create', 'numbers', '--partitions', '2', ...data])
  await produce(folder, 'a', 1)
  await produce(folder, 'b', 2)
  return data
}

async function produce(folder: UserFolder, key: string, value: number): Promise<void> {
  const stdin = `${JSON.stringify({ key, value })}\n`
  await succeed(['topics', 'produce', 'numbers', '--records', '--data', folder.data], { stdin })
}

async function sumIs(folder: UserFolder, key: string, sum: number): Promise<void> {
  const query = () => run(['query', 'sums', key, '--json', '--data', folder.data])
  await expect.poll(async () => (await query()).stdout, { timeout: 60_000 }).toContain(`"value":${sum}`)
}

test('a deploy without a node is refused, and with --start a node is started in the background', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = userFolder()
  const data = await summing(folder)
  const file = folder.write('job.ts', SUMMING_JOB)
  const refused = await run(['deploy', file, ...data])
  expect(refused).toMatchObject({ code: 4, stderr: expect.stringMatching(/NODE_NOT_RUNNING.*millrace up/s) })
  await succeed(['up', '--detach', '--port', '0', '--healthy-after', '500ms', ...data])
  const second = await run(['up', '--port', '0', ...data])
  const { node } = JSON.parse(JSON.stringify({ node: readFileSync(join(folder.data, 'node', 'lock'), 'utf8').trim() }))
  expect(second).toMatchObject({ code: 5, stderr: expect.stringContaining(`NODE_RUNNING: A node already runs in`) })
  expect(second.stderr).toContain(`process ${node}`)
  await succeed(['deploy', file, '--start', '--containers', '2', ...data])
  await sumIs(folder, 'a', 1)
  for (const name of readdirSync(join(folder.data, 'node'))) {
    expect([name, statSync(join(folder.data, 'node', name)).mode & 0o077]).toEqual([name, 0])
  }
  const { containers, node: pid } = await pids(folder, 'summing')
  const pidFile = join(folder.data, 'node', 'node.pid')
  expect(readFileSync(pidFile, 'utf8')).toBe(`${pid}\n`)
  await succeed(['down', ...data])
  expect(existsSync(pidFile)).toBe(false)
  for (const pid of containers) await ended(pid)
  expect((await run(['jobs', ...data])).code).toBe(4)
})

test('containers end when their node is killed, and the next node starts them again with nothing lost', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = userFolder()
  const data = await summing(folder)
  await succeed(['up', '--detach', '--port', '0', '--healthy-after', '500ms', ...data])
  await succeed(['deploy', folder.write('job.ts', SUMMING_JOB), '--containers', '2', ...data])
  await sumIs(folder, 'b', 2)
  const before = await pids(folder, 'summing')
  process.kill(before.node, 'SIGKILL')
  for (const pid of before.containers) await ended(pid)
  await produce(folder, 'b', 40)
  await succeed(['up', '--detach', '--port', '0', '--healthy-after', '500ms', ...data])
  await sumIs(folder, 'b', 42)
  expect((await pids(folder, 'summing')).containers).toHaveLength(2)
})

test('a node that cannot start in the background is reported with what it printed', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = userFolder()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has a port')
  const failed = await run(['up', '--detach', '--port', `${address.port}`, '--data', folder.data])
  server.close()
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/NODE_ENDED.*PORT_IN_USE/s) })
})

test('a container whose heap is full is reported as such, and the deploy is undone', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = userFolder()
  const data = await summing(folder)
  await succeed(['up', '--detach', '--port', '0', '--healthy-after', '500ms', ...data])
  const failed = await run(['deploy', folder.write('greedy.ts', GREEDY_JOB), '--heap', '64m', '--no-check', ...data])
  expect(failed).toMatchObject({ code: 5, stderr: expect.stringMatching(/CONTAINER_ENDED.*heap is full/s) })
  expect(await succeed(['logs', 'greedy', '--level', 'error', ...data])).toMatch(/heap out of memory/i)
})

test('a container that is started by hand shares the tasks of a deployed job', { timeout: TIMEOUT_MS }, async () => {
  const folder = userFolder()
  const data = await summing(folder)
  await succeed(['up', '--detach', '--port', '0', '--healthy-after', '500ms', ...data])
  await succeed(['deploy', folder.write('job.ts', SUMMING_JOB), ...data])
  const { deployment } = JSON.parse(await succeed(['status', 'summing', '--json', ...data]))
  const container = start(['container', deployment.release.artefact, ...data])
  await container.line(/summing runs/)
  await succeed(['stop', 'summing', ...data])
  await produce(folder, 'a', 6)
  await sumIs(folder, 'a', 7)
  container.child.kill('SIGTERM')
  expect((await container.ended).code).toBe(0)
})

test('a drained job has processed everything that its inputs held, also what one of its containers was killed over', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = userFolder()
  const data = await summing(folder)
  await succeed(['up', '--detach', '--port', '0', '--healthy-after', '500ms', ...data])
  await succeed(['deploy', folder.write('job.ts', SUMMING_JOB), '--containers', '2', ...data])
  await succeed(['stop', 'summing', ...data])
  const lines = Array.from({ length: 40_000 }, (_, at) => `${JSON.stringify({ key: `k${at % 100}`, value: 1 })}\n`)
  await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: lines.join('') })
  const draining = run(['drain', 'summing', ...data])
  const running = async (): Promise<number | undefined> => {
    const { phase, containers } = JSON.parse(await succeed(['status', 'summing', '--json', ...data]))
    return phase === 'draining' ? containers[0]?.pid : undefined
  }
  let victim = await running()
  while (victim === undefined) victim = await running()
  process.kill(victim, 'SIGKILL')
  expect(await draining).toMatchObject({ code: 0, stdout: expect.stringMatching(/summing is stopped/) })
  const rows = await succeed(['query', 'sums', '--all', '--json', ...data])
  const sums: number[] = rows
    .trim()
    .split('\n')
    .map((row) => JSON.parse(row).value)
  expect(sums.reduce((sum, value) => sum + value, 0)).toBe(40_003)
  await produce(folder, 'a', 6)
  await succeed(['start', 'summing', ...data])
  await sumIs(folder, 'a', 7)
})

test('savepoints of a job that runs and of one that is stopped are taken, listed and deleted', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = userFolder()
  const data = await summing(folder)
  await succeed(['up', '--detach', '--port', '0', '--healthy-after', '500ms', ...data])
  await succeed(['deploy', folder.write('job.ts', SUMMING_JOB), '--containers', '2', ...data])
  await sumIs(folder, 'b', 2)
  const taken = JSON.parse(
    await succeed(['savepoint', 'summing', 'first', '--json', '--why', 'a sale begins', ...data]),
  )
  expect(taken).toMatchObject({ job: 'summing', name: 'first' })
  await produce(folder, 'a', 6)
  await sumIs(folder, 'a', 7)
  await succeed(['stop', 'summing', ...data])
  await succeed(['savepoint', 'summing', ...data])
  const list = async () => {
    const lines = (await succeed(['savepoints', 'summing', '--json', ...data])).trim().split('\n')
    return lines.map((line) => JSON.parse(line))
  }
  const [first, second] = await list()
  const read = ({ position }: { position: { numbers: Record<string, number> } }) =>
    Object.values(position.numbers).reduce((sum, offset) => sum + offset, 0)
  expect([read(first), read(second)]).toEqual([2, 3])
  const again = await run(['savepoint', 'summing', 'first', ...data])
  expect(again).toMatchObject({ code: 5, stderr: expect.stringContaining('SAVEPOINT_EXISTS') })
  await succeed(['savepoints', 'summing', '--delete', 'first', ...data])
  expect((await list()).map(({ name }) => name)).toEqual([second.name])
  expect((await run(['savepoints', 'summing', '--delete', 'first', ...data])).code).toBe(4)
  expect(await succeed(['history', 'summing', ...data])).toMatch(
    /savepoint first .*a sale begins\n.* stop .*\n.*savepoint savepoint-1.*\n.*delete savepoint first/,
  )
  await succeed(['start', 'summing', ...data])
  await sumIs(folder, 'a', 7)
})

test('a job is set back to a savepoint, computes the rest again, and repeats no output unless that is requested', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = userFolder()
  const data = await summing(folder)
  await succeed(['topics', 'create', 'changes', ...data])
  await succeed(['up', '--detach', '--port', '0', '--healthy-after', '500ms', ...data])
  await succeed(['deploy', folder.write('job.ts', CHANGES_JOB), '--containers', '2', ...data])
  await sumIs(folder, 'b', 2)
  await succeed(['savepoint', 'summing', 'before', ...data])
  await produce(folder, 'a', 6)
  await sumIs(folder, 'a', 7)
  const changes = async () => {
    const { stdout } = await run(['topics', 'tail', 'changes', '--from', 'start', '--until-end', '--json', ...data])
    return stdout.trim().split('\n').length
  }
  expect(await changes()).toBe(3)
  const restored = await succeed(['restore-savepoint', 'summing', 'before', '--why', 'a test', ...data])
  expect(restored).toMatch(/summing is running/)
  await sumIs(folder, 'a', 7)
  await produce(folder, 'a', 10)
  await sumIs(folder, 'a', 17)
  expect(await changes()).toBe(4)
  await succeed(['restore-savepoint', 'summing', 'before', '--repeat-outputs', ...data])
  await sumIs(folder, 'a', 17)
  expect(await changes()).toBe(6)
  expect((await run(['restore-savepoint', 'summing', 'other', ...data])).code).toBe(4)
  expect(await succeed(['history', 'summing', ...data])).toMatch(
    /restore savepoint before .*a test\n.*restored savepoint before/,
  )
})

test('a unit for systemd names the data directory, and escapes what systemd would read as something else', async () => {
  const unit = await succeed(['up', '--systemd', '--data', '/srv/50% "a"/data', '--port', '4711'])
  expect(unit).toMatch(/^ExecStart=\S+ \S+ up --data "\/srv\/50%% \\"a\\"\/data" --port 4711$/m)
  expect(unit).toMatch(/^KillMode=mixed$/m)
})

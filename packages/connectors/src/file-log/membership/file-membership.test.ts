import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Log, TransactionalWriter } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { filter, firstValueFrom, lastValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { memberPath } from '../paths.ts'
import { PausableTimers, pausableEnv } from '../testing/pausable-timers.ts'
import { journalNames } from '../transactions/journal-names.ts'
import { lifeSignIn } from './member-file.ts'

const SESSION_TIMEOUT_MS = 500
const TASKS = ['t0', 't1']

let directory: string
let logs: Log[]

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-members-`)
  logs = []
})

afterEach(async () => {
  for (const log of logs) await log.close()
  rmSync(directory, { recursive: true })
})

async function open(timers = new PausableTimers(nodeEnv().timers)): Promise<Log> {
  const log = await openFileLog({ directory, env: pausableEnv(timers), durability: 'os' })
  logs.push(log)
  return log
}

const join = (log: Log) =>
  log.join('group', { tasks: TASKS, description: 'this job', address: null, sessionTimeoutMs: SESSION_TIMEOUT_MS })
const groupFiles = () => readdirSync(`${directory}/jobs/group`).filter((name) => name.startsWith('group.'))
const groupFile = () => {
  const numbers = groupFiles().map((name) => Number(name.split('.')[1]))
  return `${directory}/jobs/group/group.${Math.max(...numbers)}.json`
}

/** Otherwise the state of the group that these tests join. */
const BAD_STANDBYS =
  '{"generation":1,"description":"this job","members":{},"tasks":{"t0":{"owner":null,"standbys":7},"t1":{"owner":null}}}'

test.each(['', '{', 'null', '{}', '{"generation":1,"members":{},"tasks":{"t0":{"owner":7}}}', BAD_STANDBYS])(
  'a group file that contains %j does not stop the next start if no member runs',
  async (text) => {
    const log = await open()
    await (await join(log)).leave()
    writeFileSync(groupFile(), text)
    expect((await firstValueFrom((await join(log)).assignments)).tasks).toEqual(TASKS)
  },
)

test('members whose newest group file is deleted give up: the one before it describes another moment', async () => {
  const log = await open()
  const first = await join(log)
  const second = await join(await open())
  await firstValueFrom(first.assignments.pipe(filter(({ tasks }) => tasks.length === 1)))
  rmSync(groupFile())
  await expect(lastValueFrom(first.assignments)).rejects.toMatchObject({ code: 'MEMBER_FENCED' })
  await expect(lastValueFrom(second.assignments)).rejects.toMatchObject({ code: 'MEMBER_FENCED' })
})

test.each(['damaged', 'gone'])(
  'a running member is fenced if the group file is %s, because its tasks are unknown',
  async (how) => {
    const timers = new PausableTimers(nodeEnv().timers)
    const log = await open(timers)
    await log.admin.createTopic('t')
    const first = await join(log)
    const writer = await first.openWriter()
    const resume = timers.pause()
    if (how === 'gone') for (const name of groupFiles()) rmSync(`${directory}/jobs/group/${name}`)
    else writeFileSync(groupFile(), readFileSync(groupFile()).subarray(0, 30))
    const second = await join(await open())
    expect((await firstValueFrom(second.assignments)).tasks).toEqual(TASKS)
    write(await writer.openPartition('t', 0), 'k', 'v')
    await expect(writer.commit([])).rejects.toMatchObject({ code: 'WRITER_FENCED' })
    resume()
    await expect(lastValueFrom(first.assignments)).rejects.toMatchObject({ code: 'MEMBER_FENCED' })
  },
)

test('a member that was treated as dead before it opened its writer gets MEMBER_FENCED, though nothing fences that writer', async () => {
  const timers = new PausableTimers(nodeEnv().timers)
  const log = await open(timers)
  const stopped = await join(log)
  const resume = timers.pause()
  const other = await join(await open())
  const taken = new Promise<void>((resolve) => {
    other.assignments.subscribe(({ tasks }) => tasks.length === 2 && resolve())
  })
  await taken
  await expect(stopped.openWriter()).rejects.toMatchObject({ code: 'MEMBER_FENCED' })
  resume()
})

describe('a transaction that a member has open for longer than its time limit', () => {
  let timers: PausableTimers
  let writer: TransactionalWriter
  let read: () => Promise<unknown>
  let beats: () => number

  beforeEach(async () => {
    timers = new PausableTimers(nodeEnv().timers)
    const log = await open(timers)
    await log.admin.createTopic('t')
    const { member } = await join(log)
    writer = await log.openTransactionalWriter(`group.${member}`)
    write(await writer.openPartition('t', 0), 'k', 'v')
    await writer.flush()
    const env = nodeEnv()
    let looks = 0
    // Between two looks of the reader, more time passes than a transaction may stay open.
    const clock = { ...env.clock, monotonic: () => 61_000 * looks }
    const other = await openFileLog({ directory, env: { ...env, clock }, durability: 'os' })
    logs.push(other)
    read = () => {
      looks++
      return other.admin.offsets('t', 0)
    }
    beats = () => lifeSignIn(env.files, memberPath(directory, 'group', member))?.beats ?? 0
  })

  async function untilBeaten(): Promise<void> {
    for (const from = beats(); beats() === from; ) await nodeEnv().timers.turn()
  }

  test('stays its own while its process beats, however long its callbacks are', async () => {
    await untilBeaten()
    await read()
    await untilBeaten()
    await read()
    await writer.commit([])
  })

  test('is taken from it when its process is stopped', async () => {
    await untilBeaten()
    const resume = timers.pause()
    await read()
    await read()
    await expect(writer.commit([])).rejects.toMatchObject({ code: 'WRITER_FENCED' })
    resume()
  })
})

test('a member whose process beats while its thread is in a callback keeps its tasks, and the others name it', async () => {
  const env = nodeEnv()
  const timers = new PausableTimers(env.timers)
  const log = await openFileLog({ directory, env: { ...env, timers }, durability: 'os' })
  logs.push(log)
  const busy = await join(log)
  const named = Promise.withResolvers<string>()
  const options = {
    tasks: TASKS,
    description: 'this job',
    address: null,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    onNotice: named.resolve,
  }
  const other = await (await open()).join('group', options)
  // Its thread does nothing: it cannot even release the tasks that the other member is to get.
  const resume = timers.pause()
  expect(await named.promise).toMatch(/^Process \d+ of job group runs, and has not returned from a callback for 500 ms/)
  expect((await firstValueFrom(other.assignments)).tasks).toEqual([])
  resume()
  await busy.openWriter()
  const reduced = await firstValueFrom(busy.assignments.pipe(filter(({ tasks }) => tasks.length === 1)))
  await busy.release(reduced)
  await firstValueFrom(other.assignments.pipe(filter(({ tasks }) => tasks.length === 1)))
})

test('a member that has left leaves nothing behind', async () => {
  const log = await open()
  const member = await join(log)
  const leaving = [member.leave(), member.leave()]
  await Promise.all([...leaving, log.close()])
  expect(readdirSync(`${directory}/jobs/group/members`)).toEqual([])
  expect(readdirSync(`${directory}/jobs/group`)).toEqual(['group.1.json', 'group.2.json', 'members'])
  await expect(lastValueFrom(member.assignments, { defaultValue: undefined })).resolves.toBeDefined()
})

test('a transaction that a member could not end before it left is ended by the process that takes its tasks', async () => {
  const log = await open()
  await log.admin.createTopic('t')
  const first = await join(log)
  const writer = await log.openTransactionalWriter(`group.${first.member}`)
  write(await writer.openPartition('t', 0), 'k', 'v')
  await writer.flush()
  await first.leave()
  expect(journalNames(nodeEnv().files, directory, `group.${first.member}`)).toHaveLength(1)
  const second = await join(await open())
  expect((await firstValueFrom(second.assignments)).tasks).toEqual(TASKS)
  expect(readdirSync(`${directory}/transactions`).filter((name) => !name.startsWith('.closed'))).toEqual([])
  await expect(writer.commit([])).rejects.toMatchObject({ code: 'WRITER_FENCED' })
})

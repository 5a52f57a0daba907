import { openFileLog } from '@millrace/connectors/file'
import type { GroupMember, LockFile, LogUsers } from '@millrace/connectors/internal'
import type { Env } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { describe, expect, test, vi } from 'vitest'
import { DataFolder } from '../testing/data-folder.ts'
import { LockingProcess } from '../testing/locking-process.ts'
import type { ProcessState } from './process-state.ts'
import { processState } from './process-state.ts'
import { checkProcesses, haltedIn, type ProcessFacts, type ProcessSystem, readProcesses } from './processes.ts'

const lock: LockFile = { path: '/data/topics/orders/0/tail', kind: 'append', name: 'orders/0' }
const nothing: LogUsers = { members: [], journals: [], undecided: [], locks: [lock] }
const facts = (users: Partial<LogUsers>, others: Partial<ProcessFacts> = {}): ProcessFacts => ({
  users: { ...nothing, ...users },
  held: [],
  owners: new Map(),
  ...others,
})

const member = (process: number | undefined, others: Partial<GroupMember> = {}): GroupMember => ({
  job: 'counting',
  path: `/data/jobs/counting/members/${process ?? 'dead'}`,
  process,
  beats: 1,
  tasks: 2,
  lost: false,
  ...others,
})

/** The owners of the files of members, from the number of each process and its state. */
const owners = (states: Readonly<Record<number, ProcessState>>) =>
  new Map(
    Object.entries(states).map(
      ([pid, state]) => [`/data/jobs/counting/members/${pid}`, { pid: Number(pid), state }] as const,
    ),
  )

describe('a lock of a partition', () => {
  test('that no process holds is fine', () => {
    expect(checkProcesses(facts({}))).toEqual([
      { status: 'ok', check: 'Locks', what: 'no process holds up the appends to 1 partition' },
    ])
  })

  test('of a stopped process is a problem that names the process and both ways out', () => {
    const held = [{ ...lock, holder: { pid: 77, state: 'stopped' as const } }]
    const found = checkProcesses(facts({}, { held }))
    expect(found).toMatchObject([
      { status: 'problem', check: 'Process 77', what: 'it is stopped: no process can append to partition orders/0' },
    ])
    expect(found[0]?.advice).toMatch(/"kill -CONT 77".*"kill -9 77"/)
    expect([...haltedIn(facts({}, { held }))]).toEqual([77])
  })

  test('of a process that waits for a disk is a problem with another advice', () => {
    const held = [{ ...lock, holder: { pid: 77, state: 'stuck' as const } }]
    expect(checkProcesses(facts({}, { held }))).toMatchObject([
      { status: 'problem', advice: expect.stringContaining('disk') },
    ])
  })

  test('of a running process, or of one that is not known, is a warning', () => {
    const running = [{ ...lock, holder: { pid: 77, state: 'running' as const } }]
    expect(checkProcesses(facts({}, { held: running }))).toMatchObject([
      { status: 'warning', what: 'process 77 holds the lock of partition orders/0 for longer than an append takes' },
    ])
    expect(checkProcesses(facts({}, { held: [{ ...lock, holder: undefined }] }))).toMatchObject([
      { status: 'warning', advice: expect.stringContaining(`"lsof ${lock.path}"`) },
    ])
  })

  test('of one process for many partitions is one finding that names some of them', () => {
    const held = [1, 2, 3, 4, 5, 6, 7].map((number) => ({
      ...lock,
      name: `orders/${number}`,
      holder: { pid: 77, state: 'stopped' as const },
    }))
    const found = checkProcesses(facts({}, { held }))
    expect(found).toHaveLength(1)
    expect(found[0]?.what).toMatch(/orders\/5; and 2 more$/)
  })
})

test.each([
  ['clean', 'warning', 'partition orders/0 is not compacted, and grows'],
  ['backup', 'warning', 'its backup delays every commit by half a second'],
  ['claim', 'warning', 'it has the name orders/0 for itself'],
] as const)('a lock of the kind %s that a stopped process holds is a %s', (kind, status, what) => {
  const stopped = [{ ...lock, kind, holder: { pid: 77, state: 'stopped' as const } }]
  expect(checkProcesses(facts({}, { held: stopped }))[0]).toMatchObject({ status, what: `it is stopped: ${what}` })
  const running = [{ ...lock, kind, holder: { pid: 77, state: 'running' as const } }]
  expect(checkProcesses(facts({}, { held: running }))).toMatchObject([{ status: 'ok', check: 'Locks' }])
})

describe('a job', () => {
  test('whose processes run is fine', () => {
    const found = checkProcesses(
      facts({ members: [member(1), member(2)] }, { owners: owners({ 1: 'running', 2: 'running' }) }),
    )
    expect(found).toMatchObject([
      { check: 'Locks' },
      { status: 'ok', check: 'Job counting', what: '2 processes (1, 2) with 4 tasks' },
    ])
  })

  test('whose only process is stopped does not run: a problem', () => {
    expect(checkProcesses(facts({ members: [member(1)] }, { owners: owners({ 1: 'stopped' }) }))[0]).toMatchObject({
      status: 'problem',
      what: 'it is stopped: job counting does not run, because no other process runs it',
    })
  })

  test('with a stopped process beside a running one is a warning: the other takes the tasks', () => {
    const users = { members: [member(1), member(2)] }
    expect(checkProcesses(facts(users, { owners: owners({ 1: 'stopped', 2: 'running' }) }))[0]).toMatchObject({
      status: 'warning',
      check: 'Process 1',
      what: 'it is stopped: other processes of job counting take its 2 tasks after 10 s',
    })
  })

  test('that has gone on without a stopped process is a warning', () => {
    const users = { members: [member(1, { lost: true }), member(2)] }
    expect(checkProcesses(facts(users, { owners: owners({ 1: 'stopped', 2: 'running' }) }))[0]).toMatchObject({
      status: 'warning',
      what: 'it is stopped: other processes of job counting have taken its tasks',
    })
  })
})

describe('what processes left that died', () => {
  test('does not frighten', () => {
    const users: Partial<LogUsers> = {
      members: [member(undefined)],
      journals: [{ path: '/journal', transactionalId: 'counting.1', owned: false }],
      undecided: [{ partition: 'orders/0', firstOffset: 5, journal: '/journal', isLost: false }],
    }
    expect(checkProcesses(facts(users))).toMatchObject([
      { check: 'Locks' },
      {
        status: 'ok',
        check: 'Left behind',
        what: '1 member, 1 journal, 1 open transaction of processes that died; the next process cleans up',
      },
    ])
  })

  test('is a problem if it is a transaction without its journal', () => {
    const undecided = [{ partition: 'orders/0', firstOffset: 5, journal: undefined, isLost: true }]
    expect(checkProcesses(facts({ undecided }))[0]).toMatchObject({ status: 'problem', where: 'orders/0' })
  })
})

test('a transaction of a stopped writer is a warning, and that of a running one is normal', () => {
  const users: Partial<LogUsers> = {
    journals: [{ path: '/journal', transactionalId: 'writer', owned: true }],
    undecided: [{ partition: 'orders/0', firstOffset: 5, journal: '/journal', isLost: false }],
  }
  const of = (state: ProcessState) =>
    checkProcesses(facts(users, { owners: new Map([['/journal', { pid: 77, state }]]) }))
  expect(of('running')).toMatchObject([{ check: 'Locks' }])
  expect(of('stopped')[0]).toMatchObject({
    status: 'warning',
    what: 'it is stopped: readers of orders/0 wait at offset 5 for its transaction, for a minute at most',
  })
})

describe('a real process', () => {
  async function found(kind: 'running' | 'stopped'): Promise<{ pid: number; facts: ProcessFacts }> {
    using folder = new DataFolder()
    await folder.succeed(['topics', 'create', 'orders'])
    await using locking = await LockingProcess.start(`${folder.data}/topics/orders/0/tail`)
    if (kind === 'stopped') locking.stop()
    await vi.waitFor(() => expect(processState(locking.pid)).toBe(kind))
    return { pid: locking.pid, facts: await readProcesses(nodeEnv(), folder.data) }
  }

  test.runIf(process.platform === 'linux')('that is stopped with the lock of a partition is found', async () => {
    const { pid, facts: read } = await found('stopped')
    expect(read.held).toMatchObject([{ name: 'orders/0', kind: 'append', holder: { pid, state: 'stopped' } }])
  })

  test.runIf(process.platform === 'linux')('that runs and keeps the lock of a partition is found', async () => {
    const { pid, facts: read } = await found('running')
    expect(read.held).toMatchObject([{ name: 'orders/0', holder: { pid, state: 'running' } }])
  })
})

test('a lock that is held for a moment is not reported', async () => {
  using folder = new DataFolder()
  await folder.succeed(['topics', 'create', 'orders'])
  const env = nodeEnv()
  const file = env.files.open(`${folder.data}/topics/orders/0/tail`, 'update')
  expect(file.tryLock()).toBe(true)
  const waits: number[] = []
  const after: Env['timers']['after'] = (delayMs, callback) => {
    if (waits.push(delayMs) === 3) file.close()
    return env.timers.after(delayMs, callback)
  }
  const { held } = await readProcesses({ ...env, timers: { ...env.timers, after } }, folder.data)
  expect(held).toEqual([])
  // Appends of other processes come and go meanwhile.
  expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(50)
})

describe('a member whose process is not visible here', () => {
  /** As in a container: the processes of other containers are not shown. */
  const container: ProcessSystem = { lockHolders: () => new Map(), processState: () => 'gone' }

  async function memberOf(env: Env): Promise<string> {
    using folder = new DataFolder()
    const log = await openFileLog({ directory: folder.data, env })
    await log.join('counting', { tasks: ['counts-0'], description: '', address: null })
    const checked = checkProcesses(await readProcesses(nodeEnv(), folder.data, container))
    await log.close()
    return checked.map(({ status, check }) => `${check} ${status}`).join(', ')
  }

  test('runs if its heartbeat moves', async () => {
    expect(await memberOf(nodeEnv())).toBe('Locks ok, Job counting ok')
  })

  test('is stopped if its heartbeat stands still', async () => {
    const heartbeats = { start: async () => ({ stop: () => undefined }) }
    expect(await memberOf({ ...nodeEnv(), heartbeats })).toBe(`Process ${process.pid} problem, Locks ok`)
  })
})

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Log } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { journalNames } from '../transactions/journal-names.ts'
import { findUsers, isHeld } from './find-users.ts'

const env = nodeEnv()
let data: string
let log: Log

beforeEach(async () => {
  data = mkdtempSync(`${tmpdir()}/millrace-users-`)
  log = await openFileLog({ directory: data, env, durability: 'os' })
  await log.admin.createTopic('t', { partitions: 2 })
})

afterEach(async () => {
  await log.close()
  rmSync(data, { recursive: true })
})

const users = () => findUsers(env.files, data)
const journal = () => `${data}/transactions/${journalNames(env.files, data)[0]?.name}`

test('a log that no process uses has locks, and no users', () => {
  const { locks, ...others } = users()
  expect(others).toEqual({ members: [], journals: [], undecided: [] })
  expect(locks.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    'append t/0',
    'clean t/0',
    'append t/1',
    'clean t/1',
    'backup ',
  ])
  expect(locks.filter(({ path }) => isHeld(env.files, path))).toEqual([])
})

test('nothing is made while users are looked for', async () => {
  await log.close()
  const before = readdirSync(data, { recursive: true })
  users()
  expect(readdirSync(data, { recursive: true })).toEqual(before)
})

test('a member is found with its process and tasks, until it leaves', async () => {
  const membership = await log.join('group', { tasks: ['0', '1'], description: '', address: null })
  expect(users().members).toMatchObject([{ job: 'group', process: process.pid, tasks: 2, lost: false }])
  await membership.leave()
  expect(users().members).toEqual([])
})

test('a member that died is found without a process', async () => {
  const membership = await log.join('group', { tasks: ['0'], description: '', address: null })
  rmSync(`${data}/jobs/group/members/${membership.member}`)
  expect(users().members).toMatchObject([{ job: 'group', process: undefined, tasks: 1 }])
})

test('a process that is about to join is not a member yet', async () => {
  await log.join('group', { tasks: ['0'], description: '', address: null })
  writeFileSync(`${data}/jobs/group/members/joining`, Buffer.alloc(32))
  expect(users().members).toHaveLength(1)
})

test('a claim is found, and is held until it is released', async () => {
  const claim = await log.claim('name')
  const found = () => users().locks.find(({ kind }) => kind === 'claim')
  expect(found()).toEqual({ kind: 'claim', name: 'name', path: `${data}/jobs/name.lock` })
  expect(isHeld(env.files, `${data}/jobs/name.lock`)).toBe(true)
  await claim.release()
  expect(isHeld(env.files, `${data}/jobs/name.lock`)).toBe(false)
})

test('an open transaction is found with its journal, and is lost without it', async () => {
  const writer = await log.openTransactionalWriter('writer')
  write(await writer.openPartition('t', 1), 'k', 'v')
  await writer.flush()
  const path = journal()
  expect(users().journals).toEqual([{ path, transactionalId: 'writer', owned: true }])
  expect(users().undecided).toEqual([{ partition: 't/1', firstOffset: 0, journal: path, isLost: false }])
  rmSync(path)
  expect(users().undecided).toEqual([{ partition: 't/1', firstOffset: 0, journal: undefined, isLost: true }])
})

test('a committed transaction is not found', async () => {
  const writer = await log.openTransactionalWriter('writer')
  write(await writer.openPartition('t', 1), 'k', 'v')
  await writer.commit([])
  expect(users().undecided).toEqual([])
})

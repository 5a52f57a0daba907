import { existsSync, rmSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { backUp, restore } from '@millrace/connectors/internal'
import { MillraceError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { start } from '../flights/command.ts'
import { seededRandom } from '../flights/seeded-random.ts'
import { check } from './check.ts'
import { makeTopics } from './crash-job.ts'
import { EVERYTHING, forEach, TIMEOUT_MS, trials } from './extent.ts'
import { ORDERS_A_ROUND, ScratchDirectory } from './job-process.ts'
import { Member } from './member-process.ts'
import { appendOrders } from './orders.ts'
import { Outcomes } from './outcomes.ts'
import { randomMoment } from './random-moment.ts'

/** The number of backups in `npm test`; more with `npm run crash`. MILLRACE_BACKUPS sets another. */
const BACKUPS = Number(process.env['MILLRACE_BACKUPS'] ?? (EVERYTHING ? 100 : trials(6)))
const ORDER_MS = 20
const SESSION_TIMEOUT_MS = 10_000
/**
 * Every so many backups, a separate process makes the backup, and is killed within so many ms: about as long as a backup
 * takes.
 */
const KILLED_EVERY = 3
const KILLED_WITHIN_MS = 1500
/** The data grows during the backups. After so many of them another job begins, so that the checks stay cheap. */
const BACKUPS_A_ROUND = 6

interface Made {
  readonly scratch: ScratchDirectory
  /** What was acknowledged before the backup began. */
  readonly acknowledged: number
  readonly killed: boolean
}

test('a backup that is made while a job and a producer run is restored to the right result, and a killed one is refused', {
  timeout: TIMEOUT_MS,
}, async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  console.log(`SEED=${seed}`)
  const random = seededRandom(seed)
  const outcomes = new Outcomes('backups under load')
  for (let left = BACKUPS; left > 0; left -= BACKUPS_A_ROUND) {
    await backUpAndCheck(Math.min(left, BACKUPS_A_ROUND), random, outcomes, `SEED=${seed}`)
  }
  outcomes.report()
  expect(outcomes.violations).toEqual([])
})

/** Runs the job while orders are appended, backs up its data meanwhile, and checks what is restored. */
async function backUpAndCheck(count: number, random: () => number, outcomes: Outcomes, seed: string): Promise<void> {
  using live = new ScratchDirectory()
  const backups: Made[] = []
  const env = nodeEnv()
  const log = await openFileLog({ directory: live.path, env, durability: 'os' })
  await makeTopics(log)
  const members = [0, 1].map(() => new Member(live.path, SESSION_TIMEOUT_MS))
  let orders = 0
  let running = true
  const producing = async () => {
    while (running) {
      await appendOrders(log, orders + 1)
      orders++
      await randomMoment(random() * ORDER_MS)
    }
  }
  try {
    await Promise.all(members.map((member) => member.joined()))
    const produced = producing()
    while (backups.length < count) {
      const scratch = new ScratchDirectory()
      const killed = backups.length % KILLED_EVERY === KILLED_EVERY - 1
      backups.push({ scratch, acknowledged: orders, killed })
      if (killed) await killedBackup(live.path, `${scratch.path}/backup`, random() * KILLED_WITHIN_MS)
      else await backUp(env, live.path, `${scratch.path}/backup`)
      await randomMoment(random() * ORDER_MS)
    }
    running = false
    await produced
    for (const member of members) member.signal('SIGTERM')
    await Promise.all(members.map((member) => member.ended))
  } finally {
    for (const member of members) member.signal('SIGKILL')
    await Promise.all(members.map((member) => member.ended))
    await log.close()
  }
  for (const { failure } of members) if (failure !== undefined) outcomes.violation('a member', failure)
  // Linked files must not change with the data.
  rmSync(`${live.path}/topics`, { recursive: true })
  await forEach(backups, async ({ scratch, acknowledged, killed }, index) => {
    outcomes.tried()
    const where = `backup ${index}, ${seed}`
    const refusal = await restoring(`${scratch.path}/backup`, `${scratch.path}/data`)
    if (refusal === undefined) {
      outcomes.count(killed ? 'killed when it was whole' : 'restored')
      outcomes.classify(
        where,
        await check(`${scratch.path}/data`, { acknowledged, orders: orders + ORDERS_A_ROUND, rebuild: EVERYTHING }),
      )
    } else if (killed && ['BACKUP_INCOMPLETE', 'FILE_MISSING'].includes(refusal.code))
      outcomes.count('killed and refused')
    else outcomes.violation(where, `restoring was refused with ${refusal.code}: ${refusal.message}`)
    if (refusal !== undefined && existsSync(`${scratch.path}/data`))
      outcomes.violation(where, 'it was restored in part')
    scratch[Symbol.dispose]()
  })
}

/** Restores a backup, and returns the refusal if the restore is refused. */
async function restoring(backup: string, data: string): Promise<MillraceError | undefined> {
  try {
    await restore(nodeEnv(), backup, data)
    return undefined
  } catch (error) {
    if (error instanceof MillraceError) return error
    throw error
  }
}

async function killedBackup(data: string, target: string, afterMs: number): Promise<void> {
  const backup = start(['backup', target, '--data', data])
  await randomMoment(afterMs)
  backup.child.kill('SIGKILL')
  await backup.ended
}

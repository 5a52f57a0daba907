import { copyFileSync, linkSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { openTopicWriter } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { measure } from '../child/measure.ts'
import { payments } from '../jobs/millrace-jobs.ts'
import { preparedDirectory } from '../prepared-directory.ts'

/** So small that a loop that begins at the updates skips little. */
const SEGMENT_BYTES = 64 * 1024 * 1024
/** Prime, and no factor of a number of accounts: its multiples are all accounts in no order. */
const STRIDE = 7_368_787

/** A directory with `by-hand` and `on-millrace`: data directories whose stores have a total for every account. */
export async function prepareAccounts(accounts: number, updates: number): Promise<string> {
  return preparedDirectory(`accounts-${accounts}-${updates}`, async (directory) => {
    const input = `${directory}/input`
    const log = await openFileLog({ directory: input, env: nodeEnv(), durability: 'os' })
    await log.admin.createTopic('payments', { segmentBytes: SEGMENT_BYTES })
    const writer = await openTopicWriter(log, payments)
    const pay = async (account: number, timestamp: number) => {
      const key = `account-${String(account).padStart(8, '0')}`
      if (!writer.send({ key, value: { amount: account % 100 }, timestamp })) await writer.flush()
    }
    for (let n = 0; n < accounts; n++) await pay((n * STRIDE) % accounts, n)
    await writer.flush()
    for (const side of ['by-hand', 'on-millrace']) {
      const data = `${directory}/${side}`
      mkdirSync(`${data}/topics`, { recursive: true })
      mkdirSync(`${data}/state`)
      symlinkSync('../../input/topics/payments', `${data}/topics/payments`)
      await measure(`works/accounts-${side}.ts`, { data })
    }
    // Otherwise the first compaction of all accounts would fall into some of the measured runs.
    const built = await openFileLog({ directory: `${directory}/on-millrace`, env: nodeEnv() })
    await built.admin.clean('account-totals.changelog')
    await built.close()
    for (let n = 0, random = 1; n < updates; n++) {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0
      await pay(Math.floor((random / 2 ** 32) * accounts), accounts + n)
    }
    await writer.close()
    await log.close()
  })
}

/**
 * Copies a data directory for one run. What no one changes in place is shared: LevelDB's tables, closed segments, and the
 * input.
 */
export function copyData(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  const entries = readdirSync(from, { withFileTypes: true })
  const segments = from.includes('/topics/')
    ? entries.map(({ name }) => name).filter((name) => name.endsWith('.log'))
    : []
  const active = segments.sort().at(-1)
  for (const entry of entries) {
    const [source, target] = [`${from}/${entry.name}`, `${to}/${entry.name}`]
    if (entry.isDirectory()) copyData(source, target)
    else if (entry.name.endsWith('.ldb') || (segments.includes(entry.name) && entry.name !== active))
      linkSync(source, target)
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target)
    else copyFileSync(source, target)
  }
}

/**
 * A separate process that shares the crash job with others. It reports how many orders its committed views count, each time
 * that the number changes (`holds 40 20`: by customer, by product), and every notice. SIGTERM stops it in order.
 *
 * Arguments: data directory, and after how many ms a member without a sign of life counts as gone.
 */
import { writeSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { MillraceError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type Container, startContainer } from '@millrace/runtime'
import { crashJob } from './crash-job.ts'
import { rowsOf } from './rows.ts'

const LOOK_MS = 20

const [directory = '', sessionTimeoutMs = '1000'] = process.argv.slice(2)
const env = nodeEnv()
let printed = ''

try {
  const log = await openFileLog({ directory, env })
  const container = await startContainer({
    job: crashJob,
    log,
    env,
    stateDirectory: `${directory}/state`,
    commitIntervalMs: 10,
    sessionTimeoutMs: Number(sessionTimeoutMs),
    onNotice: (notice) => writeSync(1, `notice ${notice}\n`),
  })
  process.on('SIGTERM', () => void container.stop())
  const looking = setInterval(() => void print(container), LOOK_MS)
  await container.done
  clearInterval(looking)
  await log.close()
} catch (error) {
  const code = error instanceof MillraceError ? error.code : 'UNKNOWN'
  writeSync(1, `stopped ${code} ${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}

async function print(container: Container): Promise<void> {
  try {
    const rows = await rowsOf(container)
    const counts = ['by-customer', 'by-product'].map((view) => ordersIn(rows.get(view) ?? new Map()))
    const now = `holds ${counts.join(' ')}`
    if (now !== printed) writeSync(1, `${now}\n`)
    printed = now
  } catch (error) {
    // A part may close while it is read, if its task has just moved.
    if (!(error instanceof MillraceError)) throw error
  }
}

function ordersIn(rows: ReadonlyMap<string, string>): number {
  let count = 0
  for (const row of rows.values()) {
    const { orders }: { orders: number } = JSON.parse(row)
    count += orders
  }
  return count
}

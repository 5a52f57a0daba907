/**
 * A separate process that appends orders to a file log and runs the crash job over them, until it has processed the last
 * order or until it fails. It reports how far the input was acknowledged (`acknowledged 20`, one line a round), and the error
 * that stopped it (`stopped LOG_FULL …`). It ends with 0, or with 1 after an error.
 *
 * Argument: `JobArguments`, as JSON.
 */
import { writeSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { type Env, type Log, MillraceError } from '@millrace/core'
import { startContainer } from '@millrace/runtime'
import { crashJob, makeTopics } from './crash-job.ts'
import { crashWorld } from './crash-world.ts'
import type { JobArguments } from './job-process.ts'
import { appendOrders, countOrders } from './orders.ts'

/** Every slice of work is followed by a commit: more commits give more points to break. */
const COMMIT_INTERVAL_MS = 1

const given: JobArguments = JSON.parse(process.argv[2] ?? '')
const { directory, durability, orders, perRound } = given
const env = crashWorld(given)

try {
  await run(env)
} catch (error) {
  // An error without a code is reported as such: no run may end with one.
  const code = error instanceof MillraceError ? error.code : 'UNKNOWN'
  writeSync(1, `stopped ${code} ${error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = 1
}

async function run(env: Env): Promise<void> {
  const log = await openFileLog({ directory, env, durability })
  try {
    await makeTopics(log)
    for (let count = await nextRound(log); count <= orders; count += perRound) {
      await appendOrders(log, count)
      writeSync(1, `acknowledged ${count}\n`)
      const container = await startContainer({
        job: crashJob,
        log,
        env,
        stateDirectory: `${directory}/state`,
        commitIntervalMs: COMMIT_INTERVAL_MS,
        untilEnd: true,
        onNotice: (notice) => writeSync(1, `notice ${notice}\n`),
      })
      await container.done
    }
  } finally {
    await log.close()
  }
}

/** The first round that is not complete in the log; the last round if all are complete. */
async function nextRound(log: Log): Promise<number> {
  const whole = Math.floor((await countOrders(log)) / perRound)
  return Math.min(orders, (whole + 1) * perRound)
}

/**
 * A process of its own that appends orders to a file log and runs the crash job over them, until it has come to the last
 * order or until it is broken. It says how far the input was acknowledged (`acknowledged 20`, one line a round), and what
 * stopped it (`stopped LOG_FULL …`); it ends with 0, or with 1 after an error.
 *
 * Arguments: data directory, durability, how many orders, how many a round, and whether the clock jumps (`jumping`).
 */
import { writeSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors'
import { type Env, MillraceError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer } from '@millrace/runtime'
import { crashJob, makeTopics } from './crash-job.ts'
import { withJumpingClock } from './jumping-clock.ts'
import { appendOrders } from './orders.ts'

/** Every slice of work is followed by a commit: the more there are, the more there is to break. */
const COMMIT_INTERVAL_MS = 1

const [directory = '', durability = 'fsync', orders = '60', perRound = '20', clock = 'steady'] = process.argv.slice(2)
const env = clock === 'jumping' ? withJumpingClock(nodeEnv()) : nodeEnv()

try {
  await run(env)
} catch (error) {
  // An error without a code is told as such: nobody may meet one.
  const code = error instanceof MillraceError ? error.code : 'UNKNOWN'
  writeSync(1, `stopped ${code} ${error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = 1
}

async function run(env: Env): Promise<void> {
  const log = await openFileLog({ directory, env, durability: durability === 'os' ? 'os' : 'fsync' })
  try {
    await makeTopics(log)
    for (let count = Number(perRound); count <= Number(orders); count += Number(perRound)) {
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

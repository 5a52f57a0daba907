/**
 * A separate process that runs a random job on a file log, until SIGTERM or until the end of what is there. It prints `runs`
 * once the job runs.
 *
 * Arguments: data directory; the `RandomJob`, as JSON; `live` or `until-end`.
 */
import { writeSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { nodeEnv } from '@millrace/core/node'
import { runJob } from '@millrace/runtime'
import { idsJob } from '@millrace/testing/internal'
import { planOf } from '../runtime/random-time/random-job.ts'
import { NEVER_IDLE_MS } from './random-processes.ts'

const [directory = '', random = '', mode = ''] = process.argv.slice(2)
const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
const running = await runJob(idsJob('random', planOf(JSON.parse(random))), {
  log,
  stateDirectory: `${directory}/state`,
  commitIntervalMs: 5,
  standbys: 1,
  idleAfterMs: NEVER_IDLE_MS,
  untilEnd: mode === 'until-end',
})
process.on('SIGTERM', () => void running.stop())
writeSync(1, 'runs\n')
await running.done
await log.close()

/**
 * A separate process that shares a job with others. The job's callback holds the thread, as a heavy computation or a
 * synchronous call to the outside does. The process writes one line for each call that begins (`call`), each new number of
 * tasks (`tasks 2`) and each notice. SIGTERM stops it in order.
 *
 * Arguments: data directory; after how many ms a member without a sign of life counts as gone; how long a call takes, ms.
 */
import { writeSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { job, json, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer } from '@millrace/runtime'

const [directory = '', sessionTimeoutMs = '', callMs = ''] = process.argv.slice(2)
const env = nodeEnv()
const never = new Int32Array(new SharedArrayBuffer(4))

const slow = stream(topic('slow', { key: string(), value: json<number>() }))
  .mapValues((value) => {
    writeSync(1, 'call\n')
    Atomics.wait(never, 0, 0, Number(callMs))
    return value
  })
  .to(topic('done', { key: string(), value: json<number>() }))

const log = await openFileLog({ directory, env, durability: 'os' })
const container = await startContainer({
  job: job('slow', slow),
  log,
  env,
  stateDirectory: `${directory}/state`,
  sessionTimeoutMs: Number(sessionTimeoutMs),
  onNotice: (notice) => writeSync(1, `notice ${notice}\n`),
})
let printed = -1
container.status.subscribe(({ tasks }) => {
  if (tasks.length !== printed) writeSync(1, `tasks ${tasks.length}\n`)
  printed = tasks.length
})
process.on('SIGTERM', () => void container.stop())
await container.done
await log.close()

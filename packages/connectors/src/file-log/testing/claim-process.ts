/**
 * A separate process that creates a topic, or else claims a job and holds it until it is killed; it prints one line with the
 * result.
 *
 * Arguments: data directory, job, and the topic, if it has to create one.
 */
import { writeSync } from 'node:fs'
import { MillraceError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { openFileLog } from '../file-log.ts'

const [directory = '', job = '', topic] = process.argv.slice(2)
const log = await openFileLog({ directory, env: nodeEnv() })
if (topic === undefined) {
  await log.claim(job)
  writeSync(1, 'claimed\n')
  setInterval(() => undefined, 1000)
} else {
  const outcome = await log.admin.createTopic(topic).then(
    () => 'made',
    (error: unknown) => (error instanceof MillraceError ? error.code : String(error)),
  )
  writeSync(1, `${outcome}\n`)
  await log.close()
}

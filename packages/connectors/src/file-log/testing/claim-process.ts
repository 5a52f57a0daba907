/**
 * A process of its own that makes a topic, or else claims a job and holds it until it is killed; one line says how it went.
 *
 * Arguments: data directory, job, and the topic, if one is to be made.
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

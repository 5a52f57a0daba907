/**
 * A separate process that gives a topic another number of partitions, unless it has that many; it prints a line when it begins.
 *
 * Arguments: data directory, topic, number of partitions.
 */
import { writeSync } from 'node:fs'
import { nodeEnv } from '@millrace/core/node'
import { openFileLog } from '../file-log.ts'

const [directory = '', topic = '', partitions = ''] = process.argv.slice(2)
writeSync(1, 'begins\n')
const log = await openFileLog({ directory, env: nodeEnv() })
if ((await log.admin.describeTopic(topic))?.partitions !== Number(partitions)) {
  const rescaling = await log.rescale?.(topic, Number(partitions))
  await rescaling?.seal()
  await rescaling?.copy()
  await rescaling?.finish()
  await rescaling?.close()
}
await log.close()

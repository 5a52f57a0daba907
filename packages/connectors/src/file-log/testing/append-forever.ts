import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { openFileLog } from '../file-log.ts'

/** Appends numbered records under its own name until it is killed, and tells how many were acknowledged. */
const [directory = '', name = ''] = process.argv.slice(2)
const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
const writer = log.openWriter()
const partition = await writer.openPartition('t', 0)
for (let count = 0; ; ) {
  for (let left = 1 + (count % 7); left > 0; left--) write(partition, name, `${count++}`)
  await writer.flush()
  process.stdout.write(`${count}\n`)
}

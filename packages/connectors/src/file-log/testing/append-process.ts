/**
 * A separate process that appends numbered records to a topic until it is killed, and prints which of them were acknowledged:
 * one line with the last number after every flush.
 *
 * Arguments: data directory, topic, its name (the records' key), first number, records per flush.
 */
import { writeSync } from 'node:fs'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { openFileLog } from '../file-log.ts'

const [directory = '', topic = '', name = '', first = '0', perFlush = '10'] = process.argv.slice(2)
const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
const writer = log.openWriter()
const partition = await writer.openPartition(topic, 0)
for (let number = Number(first); ; ) {
  for (let count = 0; count < Number(perFlush); count++) write(partition, name, String(number++), number)
  await writer.flush()
  writeSync(1, `${number - 1}\n`)
}

/** A separate process that holds the lock of a file until it is killed. It prints a line once it has the lock. Argument: the file. */
import { writeSync } from 'node:fs'
import { nodeEnv } from '@millrace/core/node'

const [path = ''] = process.argv.slice(2)
const file = nodeEnv().files.open(path, 'update')
writeSync(1, file.tryLock() ? 'locked\n' : 'taken\n')
setInterval(() => file.size(), 60_000)

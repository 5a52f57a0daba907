/**
 * A separate process that shares the tasks of a group, as a container does, until it is killed. For each of its tasks it
 * commits record after record to the task's partition, with its member's id as the key and the generation that it follows as
 * the value. It prints a line for each member that it becomes, and for each error that took its tasks.
 *
 * Arguments: data directory, group, topic, number of tasks, the session's time-out; and, for a process that is to stop itself
 * (SIGSTOP) as it joins, before which of its changes to files outside of the partitions. Input: `stop` makes it stop itself
 * between two commits; `stop <n>` before the n-th change from then on; `stop <n> shared` the same, without files that only it writes; `leave` makes it leave and end.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Assignment, FencedError } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { openFileLog } from '../file-log.ts'
import { withFaults } from './faulty-files.ts'

const [directory = '', group = '', topic = '', count = '1', timeout = '1000', stopAt = '0'] = process.argv.slice(2)
/** After how many changes it stops; 0 or less for never. */
let changesLeft = 0
/** Its files have this in their names, unless all changes count. */
let notCounted = ''
let member = ''
const env = withFaults(nodeEnv(), (call, path) => {
  // A process that is stopped during an append holds the lock of the partition.
  if (path.startsWith(`${directory}/topics/`) || (notCounted !== '' && path.includes(notCounted))) return undefined
  if (--changesLeft === 0) {
    writeSync(1, `stopping before ${call} ${path.slice(directory.length)}\n`)
    process.kill(process.pid, 'SIGSTOP')
  }
  return undefined
})
const log = await openFileLog({ directory, env, durability: 'os' })
changesLeft = Number(stopAt)
const tasks = Array.from({ length: Number(count) }, (_, index) => String(index))
let request = ''
createInterface({ input: process.stdin }).on('line', (line) => {
  const [, changes, shared] = /^stop (\d+)( shared)?$/.exec(line) ?? []
  if (changes === undefined) {
    request = line
  } else {
    notCounted = shared === undefined ? '' : member
    changesLeft = Number(changes)
  }
})

while (request !== 'leave') {
  try {
    await share()
  } catch (error) {
    if (!(error instanceof FencedError)) throw error
    writeSync(1, `fenced ${error.code}\n`)
  }
}
await log.close()
process.exit()

async function share(): Promise<void> {
  const membership = await log.join(group, {
    tasks,
    description: 'this job',
    address: null,
    sessionTimeoutMs: Number(timeout),
  })
  member = membership.member
  const writer = await membership.openWriter()
  try {
    writeSync(1, `member ${member}\n`)
    let assigned: Assignment | undefined
    let failure: { readonly error: unknown } | undefined
    membership.assignments.subscribe({
      next: (assignment) => {
        assigned = assignment
      },
      error: (error: unknown) => {
        failure = { error }
      },
    })
    let followed: Assignment | undefined
    while (request !== 'leave') {
      if (failure !== undefined) throw failure.error
      if (assigned !== undefined && assigned !== followed) {
        followed = assigned
        await membership.release(followed)
      }
      for (const task of followed?.tasks ?? []) {
        write(await writer.openPartition(topic, Number(task)), member, String(followed?.generation))
      }
      await writer.commit([])
      if (request === 'stop') {
        request = ''
        writeSync(1, 'stopping\n')
        process.kill(process.pid, 'SIGSTOP')
        // The loop continues at once, before the process can notice anything.
        continue
      }
      await new Promise<void>((resolve) => void env.timers.after(5, resolve))
    }
  } finally {
    await writer.close()
    await membership.leave()
  }
}

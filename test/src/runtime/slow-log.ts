import type { Log, Timers } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { passLog, withWriters } from './cut-log.ts'

/**
 * A log whose commits are decided a number of turns of the event loop later, as on a machine that is busy with other things.
 * The job continues meanwhile, and records that are not committed cannot be read.
 */
export function slowLog(log: Log, turns: number): Log {
  const { timers } = nodeEnv()
  return {
    ...passLog(log),
    join: withWriters(log, (writer) => {
      const commit = writer.commit.bind(writer)
      writer.commit = (groups, ready) => commit(groups, Promise.all([ready, turnsOf(timers, turns)]))
      return writer
    }),
  }
}

async function turnsOf(timers: Timers, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await timers.turn()
}

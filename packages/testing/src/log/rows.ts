import type { Log } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import type { SimulatedProcess } from '../machine/simulated-process.ts'

/** A compacted topic of rows that are set and deleted. */
export const ROWS = 'rows'

const KEYS = 40
const RECORDS_MAX = 6
/** Event times of the records. Deletions may have any event time. */
const TIMES = [1, 978_307_200_000, 2 ** 50]

/** What a process that follows the rows has read and keeps. It survives crashes, as a job's state does with its position. */
export class FollowedRows {
  rows = new Map<string, string>()
  position = 0
  compactedBefore = 0
  /** How often it came too late and started from scratch. */
  restarts = 0
}

/** Sets and deletes rows until the process dies. */
export async function writeRows(log: Log, process: SimulatedProcess): Promise<never> {
  const { random, timers } = process.env
  const writer = log.openWriter()
  const rows = await writer.openPartition(ROWS, 0)
  for (let version = 0; ; version++) {
    for (let left = 1 + Math.floor(random.next() * RECORDS_MAX); left > 0; left--) {
      const key = `k${Math.floor(random.next() * KEYS)}`
      const value = random.next() < 0.5 ? null : `${process.name} ${version} ${'x'.repeat(60)}`
      write(rows, key, value, TIMES[Math.floor(random.next() * TIMES.length)] ?? 1)
    }
    await writer.flush()
    await new Promise<void>((resolve) => timers.after(random.next() * 8, resolve))
  }
}

/** Follows the rows until the process dies, and sometimes falls behind. */
export async function followRows(log: Log, process: SimulatedProcess, followed: FollowedRows): Promise<never> {
  const { random } = process.env
  for (;;) {
    await followSome(log, followed, 1 + Math.floor(random.next() * 3))
    await new Promise<void>((resolve) => process.env.timers.after(random.next() * 60, resolve))
  }
}

/** Continues from its position, by at most this many batches, as a job that is started again does. */
async function followSome(log: Log, followed: FollowedRows, batches: number): Promise<void> {
  const reader = log.openReader()
  try {
    const { start } = await log.admin.offsets(ROWS, 0)
    const from = await reader.assign(ROWS, 0, Math.max(start, followed.position))
    let { rows, position, compactedBefore } = followed
    rows = new Map(rows)
    if (position <= start) compactedBefore = from.compactedBefore
    for (let left = batches; left > 0; left--) {
      const batch = from.poll()
      if (batch === undefined) break
      if (batch.tombstonesGone && batch.nextOffset > compactedBefore) {
        if (position === 0)
          throw new Error(`a reader from the start lacks tombstones before offset ${batch.nextOffset}`)
        Object.assign(followed, { rows: new Map(), position: 0, restarts: followed.restarts + 1 })
        return
      }
      while (batch.next()) {
        const key = batch.bytes.toString('utf8', batch.keyStart, batch.keyEnd)
        if (batch.valueStart < 0) rows.delete(key)
        else rows.set(key, batch.bytes.toString('utf8', batch.valueStart, batch.valueEnd))
      }
      position = batch.nextOffset
    }
    // What it keeps must not outlive the records that it has read.
    await from.secure()
    Object.assign(followed, { rows, position, compactedBefore })
  } finally {
    await reader.close()
  }
}

/** Follows to the end, and compares the result with a read from the start: no deleted row may be kept. */
export async function checkRows(log: Log, followed: FollowedRows): Promise<void> {
  const fresh = new FollowedRows()
  await followSome(log, fresh, Number.POSITIVE_INFINITY)
  const { end } = await log.admin.offsets(ROWS, 0)
  if (followed.position > end) throw new Error(`${ROWS} ends at ${end}: it was followed to ${followed.position}`)
  const { restarts } = followed
  await followSome(log, followed, Number.POSITIVE_INFINITY)
  if (followed.restarts > restarts) await followSome(log, followed, Number.POSITIVE_INFINITY)
  const text = ({ rows }: FollowedRows) => JSON.stringify([...rows].sort())
  if (text(followed) !== text(fresh)) {
    throw new Error(`one that followed ${ROWS} has ${text(followed)}; read from the start it is ${text(fresh)}`)
  }
}

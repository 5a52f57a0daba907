import type { Topic } from '@millrace/core'
import type { TestDriver } from '@millrace/testing'

/** A record of one of the two topics that a job joins. */
export interface SideRecord {
  readonly key: string
  readonly value: number | null
  readonly timestamp: number
  readonly partition: number
}

/** A record with the watermark of its partition at that record. */
export type Judged<R = SideRecord> = R & { readonly watermark: number }

/** The records that are in time, by the watermark of their partition, and the others. */
export function judged<R extends Pick<SideRecord, 'timestamp' | 'partition'>>(
  records: readonly R[],
  grace: number,
): { inTime: Judged<R>[]; late: Judged<R>[] } {
  const watermarks = new Map<number, number>()
  const inTime: Judged<R>[] = []
  const late: Judged<R>[] = []
  for (const record of records) {
    const watermark = Math.max(watermarks.get(record.partition) ?? record.timestamp, record.timestamp)
    watermarks.set(record.partition, watermark)
    if (watermark > record.timestamp + grace) late.push({ ...record, watermark })
    else inTime.push({ ...record, watermark })
  }
  return { inTime, late }
}

/** One of the topics, and the records that it gets. */
export interface Side {
  readonly topic: Topic<string, number>
  readonly records: readonly SideRecord[]
}

/**
 * Sends the records of two sides one by one, after one of each partition. `turns` decides whether the left side sends next. After
 * the turns in `restarts`, the job begins again without its local state.
 */
export async function sendInTurns(
  driver: TestDriver,
  [left, right]: readonly [Side, Side],
  partitions: number,
  turns: Iterator<boolean>,
  restarts: readonly number[],
): Promise<void> {
  const sent = new Map<Side, number>()
  const isOver = (side: Side) => (sent.get(side) ?? 0) >= side.records.length
  const send = async (side: Side, count: number) => {
    const from = sent.get(side) ?? 0
    await driver.send(side.topic, ...side.records.slice(from, from + count))
    sent.set(side, from + count)
  }
  await send(left, partitions)
  await send(right, partitions)
  for (let turn = 0; !isOver(left) || !isOver(right); turn++) {
    await send(turns.next().value ? left : right, 1)
    if (!restarts.includes(turn)) continue
    await driver.stop()
    driver.loseState()
    await driver.start()
  }
}

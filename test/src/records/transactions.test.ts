import { int32, openTransactions, string, topic } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { LOG_KINDS, openTestLog, recordsOf } from './two-logs.ts'

const orders = topic('orders', { key: string(), value: string() })
const stock = topic('stock', { key: string(), value: int32() })

describe.each(LOG_KINDS)('transactions of a program, on the %s log', (kind) => {
  async function begun() {
    const log = await openTestLog(kind)
    for (const { name } of [orders, stock]) await log.admin.createTopic(name, { partitions: 2 })
    const till = await openTransactions(log, 'till')
    const [sold, taken] = [await till.writer(orders), await till.writer(stock)]
    const values = async () => [
      (await recordsOf(log, orders)).map(({ value }) => value),
      (await recordsOf(log, stock)).map(({ value }) => value),
    ]
    return { log, till, sold, taken, values }
  }

  test('show the records of several topics together at the commit', async () => {
    const { till, sold, taken, values } = await begun()
    await sold.sendAll([{ key: 'ann', value: 'figs' }])
    taken.send({ key: 'figs', value: -1 })
    expect(await values()).toEqual([[], []])
    await till.commit()
    expect(await values()).toEqual([['figs'], [-1]])
    expect(Object.values(sold.position['orders'] ?? {})).toEqual([1])
    await till.close()
  })

  test('never show what was aborted, or not committed at the close', async () => {
    const { log, till, sold, taken, values } = await begun()
    sold.send({ key: 'ann', value: 'figs' })
    taken.send({ key: 'figs', value: -1 })
    await till.abort()
    sold.send({ key: 'ann', value: 'nuts' })
    await till.commit()
    sold.send({ key: 'ann', value: 'oil' })
    await till.close()
    const next = await openTransactions(log, 'till')
    await next.close()
    expect(await values()).toEqual([['nuts'], []])
  })

  test('have one owner: a program that opens the id fences the owner before, and aborts what it left', async () => {
    const { log, till, sold, values } = await begun()
    sold.send({ key: 'ann', value: 'figs' })
    await sold.flush()
    const next = await openTransactions(log, 'till')
    await expect(till.commit()).rejects.toMatchObject({ code: 'WRITER_FENCED' })
    const again = await next.writer(orders)
    again.send({ key: 'ann', value: 'nuts' })
    await next.commit()
    expect(await values()).toEqual([['nuts'], []])
    await next.close()
  })
})

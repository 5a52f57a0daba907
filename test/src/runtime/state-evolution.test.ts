import { rmSync } from 'node:fs'
import { type Job, job, json, type Serde, serde, stream, string, topic } from '@millrace/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const payments = topic('payments', { key: string(), value: json<number>() })

interface Cents {
  readonly cents: number
}

interface Amount {
  readonly amount: number
  readonly currency: string
}

const first = json<Cents>()
const second = serde
  .versioned('account', first)
  .next(json<Amount>(), ({ cents }) => ({ amount: cents / 100, currency: 'EUR' }))
const third = second.next(json<Amount & { vip: boolean }>(), (account) => ({ ...account, vip: account.amount > 2 }))

const inCents = job(
  'bank',
  totals({ cents: 0 }, ({ cents }, paid) => ({ cents: cents + paid }), first),
)
const inAmounts = amountJob(second, (total, paid) => ({ ...total, amount: total.amount + paid / 100 }))
const withVips = amountJob(third, (total, paid) => ({ ...total, amount: total.amount + paid / 100 }))

function totals<T>(empty: T, add: (total: T, paid: number) => T, value: Serde<T>) {
  return stream(payments)
    .groupByKey()
    .aggregate('accounts', { init: () => empty, add: (total, paid) => add(total, paid), value })
}

function amountJob<T extends Amount>(value: Serde<T>, add: (total: T, paid: number) => T): Job {
  return job('bank', totals({ amount: 0, currency: 'CHF', vip: false } as Amount as T, add, value))
}

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('payments')
})

afterEach(() => world.close())

const pay = (key: string, value: number) => world.produce('payments', payments.value, [{ key, value, timestamp: 1000 }])

const loseState = () => rmSync(world.stateDirectory, { recursive: true, force: true })

test.each([
  ['as it is', () => {}],
  ['lost', loseState],
])(
  'state continues in its new form, and what is not written again keeps the old one; local state is %s',
  async (_, between) => {
    for (const key of ['ann', 'bob', 'cid']) await pay(key, 150)
    await world.runToEnd(inCents)
    between()
    await pay('ann', 100)
    await world.runToEnd(inAmounts)
    between()
    expect(await world.rows(inAmounts, 'accounts')).toEqual(
      new Map([
        ['ann', { amount: 2.5, currency: 'EUR' }],
        ['bob', { amount: 1.5, currency: 'EUR' }],
        ['cid', { amount: 1.5, currency: 'EUR' }],
      ]),
    )
    between()
    await pay('bob', 50)
    await pay('dan', 700)
    await world.runToEnd(withVips)
    between()
    expect(await world.rows(withVips, 'accounts')).toEqual(
      new Map([
        ['ann', { amount: 2.5, currency: 'EUR', vip: true }],
        ['bob', { amount: 2, currency: 'EUR', vip: false }],
        ['cid', { amount: 1.5, currency: 'EUR', vip: false }],
        ['dan', { amount: 7, currency: 'CHF', vip: false }],
      ]),
    )
  },
)

test('a job with fewer versions is refused once one with more of them has run, and nothing is lost', async () => {
  await pay('ann', 150)
  await world.runToEnd(inCents)
  await world.runToEnd(inAmounts)
  await expect(world.runToEnd(inCents)).rejects.toMatchObject({
    code: 'STORE_CHANGED',
    message: expect.stringContaining('value serde account@2(json), now json'),
  })
  expect(await world.rows(inAmounts, 'accounts')).toEqual(new Map([['ann', { amount: 1.5, currency: 'EUR' }]]))
  await world.runToEnd(withVips)
  await expect(world.runToEnd(inAmounts)).rejects.toMatchObject({
    message: expect.stringContaining('value serde account@3(json), now account@2(json)'),
  })
})

test('versions that begin with another serde, or have another name, are refused', async () => {
  await pay('ann', 150)
  await world.runToEnd(inAmounts)
  const other = serde
    .versioned('konto', first)
    .next(json<Amount>(), ({ cents }) => ({ amount: cents, currency: 'EUR' }))
    .next(json<Amount>(), (amount) => amount)
  await expect(world.runToEnd(amountJob(other, (total) => total))).rejects.toMatchObject({ code: 'STORE_CHANGED' })
})

test('a schema with defaults reads what was written before it had them', async () => {
  await pay('ann', 150)
  await world.runToEnd(inCents)
  const validate = (value: unknown) => ({ value: { currency: 'EUR', ...(value as Cents) } })
  const schema = json({ '~standard': { version: 1, vendor: 'test', validate } })
  const withDefault = job(
    'bank',
    totals({ cents: 0, currency: 'CHF' }, (total, paid) => ({ ...total, cents: total.cents + paid }), schema),
  )
  await pay('bob', 50)
  await world.runToEnd(withDefault)
  expect(await world.rows(withDefault, 'accounts')).toEqual(
    new Map([
      ['ann', { cents: 150, currency: 'EUR' }],
      ['bob', { cents: 50, currency: 'CHF' }],
    ]),
  )
})

test('an upgrade that throws follows the policy of its record, and the value stays', async () => {
  await pay('ann', 150)
  await pay('bob', 150)
  await world.runToEnd(inCents)
  const strict = serde.versioned('account', first).next(json<Amount>(), ({ cents }) => {
    if (cents === 150) throw new Error('no currency is known')
    return { amount: cents / 100, currency: 'EUR' }
  })
  await pay('ann', 100)
  await expect(world.runToEnd(amountJob(strict, (total) => total))).rejects.toThrow('no currency is known')
  await world.runToEnd(inAmounts)
  expect(await world.rows(inAmounts, 'accounts')).toEqual(
    new Map([
      ['ann', { amount: 2.5, currency: 'EUR' }],
      ['bob', { amount: 1.5, currency: 'EUR' }],
    ]),
  )
})

import { int32, job, stream, string, table, topic } from '@millrace/core'
import { expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'

const prices = topic('prices', { key: string(), value: int32() })
const orders = topic('orders', { key: string(), value: int32() })
const priced = topic('priced', { key: string(), value: string() })

test('a table with a history keeps versions for the joined stream that is most behind, and for no longer', () => {
  const rates = table(prices, 'rates', { history: 100 })
  const join = (name: string, from: typeof orders) =>
    stream(from).leftJoin(name, rates, (order, rate) => `${order} ${rate}`, { value: string() })
  const others = topic('others', { key: string(), value: int32() })
  const lists = new JobInLists(job('j', join('first', orders).to(priced), join('second', others).to(priced)))
  const versions = () => {
    lists.run()
    // What is too old is found at a commit, and deleted behind it.
    lists.run()
    const store = lists.tasks[0]?.state.instantStore('rates.versions')
    return [...(store?.ofKey('a') ?? [])].map(({ value }) => value)
  }
  for (const from of [orders, others]) lists.append(from, 'x', 0, 1000)
  for (const at of [1000, 2000, 3000]) lists.append(prices, 'a', at, at)
  expect(versions()).toEqual([1000, 2000])
  lists.append(orders, 'a', 1, 3000)
  lists.append(others, 'a', 2, 2100)
  expect(versions()).toEqual([1000, 2000])
  lists.append(others, 'a', 3, 2101)
  expect(versions()).toEqual([2000])
  lists.append(others, 'a', 4, 9000)
  expect(versions()).toEqual([2000])
  for (const from of [orders, prices]) lists.append(from, 'x', 0, 9000)
  expect(versions()).toEqual([])
  const read = lists.topic('priced').records.map(({ value }) => value?.toString())
  expect(read).toEqual(['0 null', '0 null', '2 2000', '1 3000', '3 2000', '4 3000', '0 null'])
})

test('a table with a time to live keeps as many timers as it has rows, however often these are set', () => {
  const fading = table(prices, 'fading', { ttl: 50 })
  const lists = new JobInLists(job('j', fading))
  const kept = () => {
    lists.run()
    const state = lists.tasks[0]?.state
    return [Object.keys(state?.rows('fading') ?? {}), [...(state?.sortedStore('fading.expiry').inOrder() ?? [])].length]
  }
  for (let at = 0; at < 1000; at++) lists.append(prices, `k${at % 7}`, at, at)
  expect(kept()).toEqual([['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6'], 7])
  lists.append(prices, 'k3', null, 1000)
  lists.append(prices, 'k4', 1, 1046)
  expect(kept()).toEqual([['k4', 'k5'], 2])
})

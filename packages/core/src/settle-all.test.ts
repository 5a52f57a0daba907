import { expect, test } from 'vitest'
import { settleAll } from './settle-all.ts'

test('settleAll returns all results, in order', async () => {
  expect(await settleAll([Promise.resolve(1), Promise.resolve(2)])).toEqual([1, 2])
})

test('settleAll rejects with the first error, and not before the last promise has settled', async () => {
  const slow = Promise.withResolvers<number>()
  let settled = false
  const all = settleAll([Promise.reject(new Error('first')), slow.promise, Promise.reject(new Error('second'))])
  const watched = all.catch((error: Error) => {
    settled = true
    return error.message
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(settled).toBe(false)
  slow.resolve(1)
  expect(await watched).toBe('first')
})

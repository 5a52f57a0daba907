import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { ANSWER_MS_MAX } from '../http/limits.ts'
import { QUERIES_BYTES_MAX, QUERIES_WAITING_MAX, QUERY_WAIT_MS_MAX } from './limits.ts'
import { QueryBudget } from './query-budget.ts'
import { HandTimers } from './testing/hand-timers.ts'

const HALF = QUERIES_BYTES_MAX / 2

/** A connection's end closes its response. */
class FakeResponse extends EventEmitter {
  closed = false
  readonly req = {
    socket: Object.assign(new EventEmitter(), {
      destroyed: false,
      destroy: () => {
        this.closed = true
        this.emit('close')
      },
    }),
  }
}

/** A response that the test closes; a budget needs nothing else of a response. */
function response(): ServerResponse {
  return new FakeResponse() as unknown as ServerResponse
}

function world() {
  const timers = new HandTimers()
  return { timers, budget: new QueryBudget(timers) }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('queries begin while there is room, and the others begin in their order once there is', async () => {
  const { budget } = world()
  const first = await budget.admit(response(), HALF)
  await budget.admit(response(), HALF)
  const begun: number[] = []
  const waiting = [1, 2, 3].map((n) => budget.admit(response(), HALF).then(() => begun.push(n)))
  await settled()
  expect([begun, budget.heldBytes]).toEqual([[], QUERIES_BYTES_MAX])
  first.end()
  await settled()
  expect([begun, budget.heldBytes]).toEqual([[1], QUERIES_BYTES_MAX])
  expect(waiting).toHaveLength(3)
})

test('a query that is larger than the whole budget runs alone', async () => {
  const { budget } = world()
  const large = await budget.admit(response(), 2 * QUERIES_BYTES_MAX)
  let begun = false
  const small = budget.admit(response(), 1).then(() => {
    begun = true
  })
  await settled()
  expect(begun).toBe(false)
  large.end()
  await small
})

test('a small query does not overtake a large one that waits', async () => {
  const { budget } = world()
  const first = await budget.admit(response(), HALF)
  const begun: string[] = []
  void budget.admit(response(), QUERIES_BYTES_MAX).then(() => begun.push('large'))
  void budget.admit(response(), 1).then(() => begun.push('small'))
  await settled()
  expect(begun).toEqual([])
  first.end()
  await settled()
  expect(begun).toEqual(['large'])
})

test('a query that waits too long is refused', async () => {
  const { budget, timers } = world()
  await budget.admit(response(), QUERIES_BYTES_MAX)
  const waiting = budget.admit(response(), 1)
  timers.advance(QUERY_WAIT_MS_MAX - 1)
  expect(timers.waiting).toBe(1)
  timers.advance(1)
  await expect(waiting).rejects.toMatchObject({ code: 'TOO_MANY_QUERIES' })
  expect(timers.waiting).toBe(0)
})

test('more queries than may wait are refused at once', async () => {
  const { budget } = world()
  const first = await budget.admit(response(), QUERIES_BYTES_MAX)
  const waiting = Array.from({ length: QUERIES_WAITING_MAX }, () => budget.admit(response(), 1))
  await expect(budget.admit(response(), 1)).rejects.toMatchObject({ code: 'TOO_MANY_QUERIES' })
  first.end()
  await Promise.all(waiting)
})

test('what a query holds is free once its response is closed, also while it waits', async () => {
  const { budget, timers } = world()
  const [first, second] = [response(), response()]
  await budget.admit(first, QUERIES_BYTES_MAX)
  const gone = budget.admit(second, 1)
  second.emit('close')
  await expect(gone).rejects.toMatchObject({ code: 'TOO_MANY_QUERIES' })
  first.emit('close')
  expect([budget.heldBytes, timers.waiting]).toEqual([0, 0])
})

test('a query that grows past the budget ends, and the oldest query finishes', async () => {
  const { budget } = world()
  const oldest = await budget.admit(response(), 1)
  const other = await budget.admit(response(), 1)
  expect(() => other.holds(QUERIES_BYTES_MAX)).toThrowError(expect.objectContaining({ code: 'TOO_MANY_QUERIES' }))
  oldest.holds(QUERIES_BYTES_MAX)
  expect(budget.heldBytes).toBe(QUERIES_BYTES_MAX + 1)
  other.end()
  oldest.end()
  expect(budget.heldBytes).toBe(0)
})

test('an answer that its client does not take in time is cut off, and what it held is free', async () => {
  const { budget, timers } = world()
  const [slow, quick] = [response(), response()]
  for (const each of [slow, quick]) (await budget.admit(each, 5)).answers(3)
  quick.emit('finish')
  timers.advance(ANSWER_MS_MAX - 1)
  expect([budget.heldBytes, slow.closed]).toEqual([6, false])
  timers.advance(1)
  expect([budget.heldBytes, slow.closed, quick.closed]).toEqual([3, true, false])
})

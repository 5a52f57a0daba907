import { expect, test } from 'vitest'
import { whyUnknown } from '../rescale/rescaled-fences.ts'
import { hasPassed } from '../savepoints/make-fence.ts'
import { comparePlaces, type FiredTimers, type SavedTimers } from './fired-timers.ts'

const fired = (at: number, place: string, behind = 0): FiredTimers => {
  return { at, place: Buffer.from(place).toString('base64'), behind, outputs: 0 }
}
const none: SavedTimers = { event: null, wall: null }

/** The fence of a job that has processed all of a topic, and whose step has come so far. */
const fence = (saved: SavedTimers) => ({ numbers: { 0: { offset: 5, steps: [['step.timers', saved] as const] } } })

test('timers fire by time, then by place, then those that were set behind it', () => {
  const inOrder = [
    fired(1, 'b'),
    fired(2, ''),
    fired(2, 'a'),
    fired(2, 'a', 1),
    fired(2, 'a', 2),
    fired(2, 'ab'),
    fired(2, 'ÿ'),
  ]
  for (const [index, each] of inOrder.entries()) {
    for (const [other, before] of inOrder.entries()) {
      expect(Math.sign(comparePlaces(before, each))).toBe(Math.sign(other - index))
    }
  }
})

test('a job has passed a fence again only when the same timers have fired', () => {
  const event = fired(7, 'b', 1)
  const saved = fence({ event, wall: fired(9, 'c') })
  expect(hasPassed(fence({ event, wall: fired(9, 'c') }), saved)).toBe(true)
  expect(hasPassed(fence({ event: fired(8, 'a'), wall: fired(9, 'd') }), saved)).toBe(true)
  for (const before of [fired(7, 'b'), fired(7, 'a', 5), fired(6, 'z'), null]) {
    expect(hasPassed(fence({ event: before, wall: fired(9, 'c') }), saved)).toBe(false)
  }
  expect(hasPassed(fence({ event, wall: null }), saved)).toBe(false)
  expect(hasPassed({ numbers: { 0: { offset: 5, steps: [] } } }, saved)).toBe(false)
  expect(hasPassed(fence(none), fence(none))).toBe(true)
})

test('what timers had appended is unknown once the topic of a job has other partitions', () => {
  const topic = { name: 'numbers', former: [{ start: 0, end: 5 }], repartitions: [] }
  expect(whyUnknown(topic, fence(none), [])).toBeUndefined()
  expect(whyUnknown(topic, fence({ event: fired(1, 'a'), wall: null }), [])).toMatch(
    /step.timers has emitted .* timers/,
  )
  expect(whyUnknown(topic, fence({ event: null, wall: fired(1, 'a') }), [])).toMatch(
    /step.timers has emitted .* timers/,
  )
})

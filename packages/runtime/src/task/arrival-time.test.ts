import { expect, test } from 'vitest'
import { ArrivalClock } from '../operators/time/arrival.ts'
import { ArrivalTime } from './arrival-time.ts'

const input = { watermark: 0, idle: false }

test('the time of arrivals continues behind that of its checkpoint, also if the clock was set back in between', () => {
  const time = new ArrivalTime('arrival a', input)
  time.resume(5000)
  expect(time.timeAt(4000)).toBe(5000)
  time.reach(4000)
  time.update()
  expect(time.watermark).toBe(5000)
  expect(time.timeAt(5001)).toBe(5001)
  time.reach(5001)
  expect([time.update(), time.watermark]).toEqual([true, 5001])
  expect(time.update()).toBe(false)
})

test('the time of arrivals holds back those behind while something waits for the clock, also if its input is idle', () => {
  const quiet = { watermark: 0, idle: true }
  const time = new ArrivalTime('arrival a', quiet)
  time.hasWaiting = true
  time.update()
  expect(time.idle).toBe(false)
  time.hasWaiting = false
  expect([time.update(), time.idle]).toEqual([true, true])
})

test('the clock of arrivals is due when it comes to what waits, and moves time there once', () => {
  const time = new ArrivalTime('arrival a', input)
  let waiting = 1100
  const clock = new ArrivalClock(time, (after) => (waiting > after ? waiting : Number.POSITIVE_INFINITY))
  expect(clock.wallDueAt).toBe(Number.POSITIVE_INFINITY)
  clock.resume()
  expect([clock.wallDueAt, time.hasWaiting]).toEqual([1100, true])
  clock.step(1105)
  time.update()
  expect([clock.wallDueAt, time.watermark, time.hasWaiting]).toEqual([Number.POSITIVE_INFINITY, 1105, true])
  clock.look()
  expect([clock.wallDueAt, time.hasWaiting]).toEqual([Number.POSITIVE_INFINITY, false])
  waiting = 1200
  clock.look()
  expect([clock.wallDueAt, time.hasWaiting]).toEqual([1200, true])
})

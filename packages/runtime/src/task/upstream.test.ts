import { expect, test } from 'vitest'
import { NO_WATERMARK } from './event-time.ts'
import { type Marker, UpstreamProgress } from './upstream.ts'

const IDLE_MS = 1000

function marker(partition: number, watermark: number | null, more: Partial<Marker> = {}): Marker {
  return { partition, of: 2, watermark, idle: false, position: { flights: { [partition]: watermark ?? 0 } }, ...more }
}

test('the watermark is unknown until a marker of every sender has come', () => {
  const upstream = new UpstreamProgress(IDLE_MS)
  upstream.hear(marker(0, 100))
  expect(upstream.watermark).toBe(NO_WATERMARK)
  upstream.hear(marker(1, 50))
  expect(upstream.watermark).toBe(50)
})

test('a repartition input is not idle before a marker of every sender has come', () => {
  const upstream = new UpstreamProgress(IDLE_MS)
  upstream.hear(marker(0, null, { idle: true }))
  expect(upstream.idle).toBe(false)
  upstream.hear(marker(1, null, { idle: true }))
  expect(upstream.idle).toBe(true)
})

test('an idle sender holds back nothing', () => {
  const upstream = new UpstreamProgress(IDLE_MS)
  upstream.hear(marker(0, 100))
  upstream.hear(marker(1, null, { idle: true }))
  expect(upstream.watermark).toBe(100)
  expect(upstream.idle).toBe(false)
})

test('time stands still while all senders are idle', () => {
  const upstream = new UpstreamProgress(IDLE_MS)
  upstream.hear(marker(0, 10))
  upstream.hear(marker(1, 20))
  upstream.hear(marker(0, 10, { idle: true, position: { flights: { 0: 11 } } }))
  expect(upstream.watermark).toBe(20)
  upstream.hear(marker(1, 30, { idle: true }))
  expect(upstream.watermark).toBe(20)
  expect(upstream.idle).toBe(true)
})

test('a sender that was idle holds back the watermark again from its first record on, and the watermark does not go back', () => {
  const upstream = new UpstreamProgress(IDLE_MS)
  upstream.hear(marker(0, 100))
  upstream.hear(marker(1, 40, { idle: true }))
  expect(upstream.watermark).toBe(100)
  expect(upstream.wake(1)).toBe(true)
  expect(upstream.wake(1)).toBe(false)
  upstream.hear(marker(0, 200, { position: { flights: { 0: 200 } } }))
  expect(upstream.watermark).toBe(100)
  const restarted = new UpstreamProgress(IDLE_MS)
  restarted.load(JSON.parse(JSON.stringify(upstream.save())))
  expect(restarted.wake(1)).toBe(false)
})

test('older markers of a sender that restarted are ignored', () => {
  const upstream = new UpstreamProgress(IDLE_MS)
  upstream.hear(marker(0, 100))
  upstream.hear(marker(1, 100))
  upstream.hear(marker(1, 60))
  expect(upstream.watermark).toBe(100)
  upstream.hear(marker(1, 100, { position: { flights: { 1: 40 } } }))
  expect(upstream.positions).toContainEqual({ flights: { 1: 100 } })
})

test('the markers that have come survive a restart', () => {
  const before = new UpstreamProgress(IDLE_MS)
  before.hear(marker(0, 100))
  before.hear(marker(1, 70, { idle: true }))
  const after = new UpstreamProgress(IDLE_MS)
  after.load(JSON.parse(JSON.stringify(before.save())))
  expect(after.watermark).toBe(100)
  expect(after.positions).toEqual(before.positions)
})

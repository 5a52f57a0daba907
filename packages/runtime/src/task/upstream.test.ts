import { expect, test } from 'vitest'
import { NO_WATERMARK } from './event-time.ts'
import { combineWatermarks, type Marker, UpstreamProgress } from './upstream.ts'

function marker(partition: number, watermark: number | null, more: Partial<Marker> = {}): Marker {
  return { partition, of: 2, watermark, idle: false, position: { flights: { [partition]: watermark ?? 0 } }, ...more }
}

test('the watermark is unknown until every sender was heard', () => {
  const upstream = new UpstreamProgress()
  upstream.hear(marker(0, 100))
  expect(upstream.watermark).toBe(NO_WATERMARK)
  upstream.hear(marker(1, 50))
  expect(upstream.watermark).toBe(50)
})

test('an idle sender holds nobody back', () => {
  const upstream = new UpstreamProgress()
  upstream.hear(marker(0, 100))
  upstream.hear(marker(1, null, { idle: true }))
  expect(upstream.watermark).toBe(100)
  expect(upstream.idle).toBe(false)
})

test('where all are idle the furthest counts', () => {
  expect(
    combineWatermarks([
      { watermark: 10, idle: true },
      { watermark: 20, idle: true },
    ]),
  ).toBe(20)
})

test('old news of a sender that restarted is not believed', () => {
  const upstream = new UpstreamProgress()
  upstream.hear(marker(0, 100))
  upstream.hear(marker(1, 100))
  upstream.hear(marker(1, 60))
  expect(upstream.watermark).toBe(100)
  upstream.hear(marker(1, 100, { position: { flights: { 1: 40 } } }))
  expect(upstream.positions).toContainEqual({ flights: { 1: 100 } })
})

test('what was heard survives a restart', () => {
  const before = new UpstreamProgress()
  before.hear(marker(0, 100))
  before.hear(marker(1, 70, { idle: true }))
  const after = new UpstreamProgress()
  after.load(JSON.parse(JSON.stringify(before.save())))
  expect(after.watermark).toBe(100)
  expect(after.positions).toEqual(before.positions)
})

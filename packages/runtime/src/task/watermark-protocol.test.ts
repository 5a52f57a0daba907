import { expect, test } from 'vitest'
import { NO_WATERMARK } from './event-time.ts'
import { type Marker, SendersProgress } from './watermark-protocol.ts'

const IDLE_MS = 1000

function marker(partition: number, watermark: number | null, more: Partial<Marker> = {}): Marker {
  return { partition, of: 2, watermark, idle: false, position: { flights: { [partition]: watermark ?? 0 } }, ...more }
}

test('the watermark is unknown until a marker of every sender has come', () => {
  const senders = new SendersProgress(IDLE_MS)
  senders.receive(marker(0, 100))
  expect(senders.watermark).toBe(NO_WATERMARK)
  senders.receive(marker(1, 50))
  expect(senders.watermark).toBe(50)
})

test('a repartition input is not idle before a marker of every sender has come', () => {
  const senders = new SendersProgress(IDLE_MS)
  senders.receive(marker(0, null, { idle: true }))
  expect(senders.idle).toBe(false)
  senders.receive(marker(1, null, { idle: true }))
  expect(senders.idle).toBe(true)
})

test('an idle sender holds back nothing', () => {
  const senders = new SendersProgress(IDLE_MS)
  senders.receive(marker(0, 100))
  senders.receive(marker(1, null, { idle: true }))
  expect(senders.watermark).toBe(100)
  expect(senders.idle).toBe(false)
})

test('time stands still while all senders are idle', () => {
  const senders = new SendersProgress(IDLE_MS)
  senders.receive(marker(0, 10))
  senders.receive(marker(1, 20))
  senders.receive(marker(0, 10, { idle: true, position: { flights: { 0: 11 } } }))
  expect(senders.watermark).toBe(20)
  senders.receive(marker(1, 30, { idle: true }))
  expect(senders.watermark).toBe(20)
  expect(senders.idle).toBe(true)
})

test('a sender that was idle holds back the watermark again from its first record on, and the watermark does not go back', () => {
  const senders = new SendersProgress(IDLE_MS)
  senders.receive(marker(0, 100))
  senders.receive(marker(1, 40, { idle: true }))
  expect(senders.watermark).toBe(100)
  expect(senders.wake(1)).toBe(true)
  expect(senders.wake(1)).toBe(false)
  senders.receive(marker(0, 200, { position: { flights: { 0: 200 } } }))
  expect(senders.watermark).toBe(100)
  const restarted = new SendersProgress(IDLE_MS)
  restarted.load(JSON.parse(JSON.stringify(senders.save())))
  expect(restarted.wake(1)).toBe(false)
})

test('older markers of a sender that restarted are ignored', () => {
  const senders = new SendersProgress(IDLE_MS)
  senders.receive(marker(0, 100))
  senders.receive(marker(1, 100))
  senders.receive(marker(1, 60))
  expect(senders.watermark).toBe(100)
  senders.receive(marker(1, 100, { position: { flights: { 1: 40 } } }))
  expect(senders.positions).toContainEqual({ flights: { 1: 100 } })
})

test('the markers that have come survive a restart', () => {
  const before = new SendersProgress(IDLE_MS)
  before.receive(marker(0, 100))
  before.receive(marker(1, 70, { idle: true }))
  const after = new SendersProgress(IDLE_MS)
  after.load(JSON.parse(JSON.stringify(before.save())))
  expect(after.watermark).toBe(100)
  expect(after.positions).toEqual(before.positions)
})

test('the senders have ended when each has stated it from the process that runs it now', () => {
  const senders = new SendersProgress(IDLE_MS)
  const owners = ['ann', 'bob']
  const haveEnded = () => senders.haveEnded((partition) => owners[partition])
  senders.receive(marker(0, 100, { ended: 'ann' }))
  expect(haveEnded()).toBe(false)
  senders.receive(marker(1, 50, { ended: 'ann' }))
  expect(haveEnded()).toBe(false)
  senders.receive(marker(1, 50, { ended: 'bob' }))
  expect(haveEnded()).toBe(true)

  const restored = new SendersProgress(IDLE_MS)
  restored.load(senders.save())
  expect(restored.haveEnded((partition) => owners[partition])).toBe(true)
  expect(restored.haveEnded(() => undefined)).toBe(false)
  owners[0] = 'cid'
  expect(haveEnded()).toBe(false)
  senders.receive(marker(0, 100, { ended: 'cid' }))
  expect(haveEnded()).toBe(true)
  senders.receive(marker(0, 101))
  expect(haveEnded()).toBe(false)
})

import { expect, test } from 'vitest'
import { AnswerRooms } from './answer-room.ts'
import {
  PAGE_BYTES_MAX,
  PAGE_RESERVED_BYTES,
  PAGE_RESERVED_BYTES_MIN,
  VALUE_RESERVED_BYTES,
  VALUE_RESERVED_BYTES_MIN,
} from './limits.ts'
import { serve } from './testing/served.ts'

test('the first value of a view has the room of a large one, and later ones what the largest needed', async () => {
  await using served = await serve()
  const rooms = new AnswerRooms()
  expect(rooms.reservedForValue(served.totals)).toBe(VALUE_RESERVED_BYTES)
  rooms.read(served.totals, 100, 1)
  expect(rooms.reservedForValue(served.totals)).toBe(VALUE_RESERVED_BYTES_MIN)
  rooms.read(served.totals, 200_000, 1)
  expect(rooms.reservedForValue(served.totals)).toBe(1_600_000)
  rooms.read(served.totals, 2_000_000, 1)
  expect(rooms.reservedForValue(served.totals)).toBe(VALUE_RESERVED_BYTES)
})

test('the first page of a view has the most room, and later ones what their entries need', async () => {
  await using served = await serve()
  const rooms = new AnswerRooms()
  const view = served.totals
  expect(rooms.roomFor(view, 1)).toEqual({ reservedBytes: PAGE_RESERVED_BYTES, bytesMax: PAGE_BYTES_MAX })
  rooms.read(view, 10_000, 10)
  expect(rooms.roomFor(view, 1)).toEqual({
    reservedBytes: PAGE_RESERVED_BYTES_MIN,
    bytesMax: PAGE_RESERVED_BYTES_MIN / 4,
  })
  expect(rooms.roomFor(view, 1000)).toEqual({ reservedBytes: 8_000_000, bytesMax: 2_000_000 })
  // The largest entries of all pages count.
  rooms.read(view, 1_000_000, 1)
  rooms.read(view, 10, 1)
  rooms.read(view, 0, 0)
  expect(rooms.roomFor(view, 1)).toEqual({ reservedBytes: 8_000_000, bytesMax: 2_000_000 })
  expect(rooms.roomFor(view, 1000)).toEqual({ reservedBytes: PAGE_RESERVED_BYTES, bytesMax: PAGE_BYTES_MAX })
  expect(rooms.roomFor(served.delays, 1).reservedBytes).toBe(PAGE_RESERVED_BYTES)
})

import { assert as check, nat, property, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { decodeCursor, encodeCursor } from './page-cursor.ts'

const refused = expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringContaining('cursor') })

test('a cursor leads back to the order it was made from', () => {
  check(
    property(uint8Array(), (bytes) => {
      const order = Buffer.from(bytes)
      expect(decodeCursor('delays', encodeCursor('delays', order))).toEqual(order)
    }),
  )
})

test('a cursor with any character changed, added or removed is refused', () => {
  check(
    property(uint8Array(), nat(), nat(), (bytes, place, change) => {
      const cursor = encodeCursor('delays', Buffer.from(bytes))
      const at = place % cursor.length
      const other = '=_Aa9/ é'[change % 8] ?? ''
      const broken = [
        `${cursor.slice(0, at)}${other}${cursor.slice(at)}`,
        `${cursor.slice(0, at)}${cursor.slice(at + 1)}`,
        ...(cursor[at] === other ? [] : [`${cursor.slice(0, at)}${other}${cursor.slice(at + 1)}`]),
      ]
      for (const text of broken) {
        if (text !== cursor) expect(() => decodeCursor('delays', text)).toThrow(refused)
      }
    }),
  )
})

test('a cursor of another view is refused', () => {
  expect(() => decodeCursor('routes', encodeCursor('delays', Buffer.from('ATL')))).toThrow(refused)
})

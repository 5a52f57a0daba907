import type { OpenFile } from '@millrace/core'
import { expect, test } from 'vitest'
import { EMPTY_TAIL, readTail, writeTail } from './tail.ts'

/** A file whose first reads return a half-written tail. */
function tailFile(tornReads: number): { readonly file: OpenFile; reads: number } {
  let whole = Buffer.alloc(0)
  const write: OpenFile['write'] = (buffer, offset, length) => {
    whole = Buffer.from(buffer.subarray(offset, offset + length))
  }
  const counted = { reads: 0, file: {} as OpenFile }
  const read: OpenFile['read'] = (buffer) => {
    whole.copy(buffer)
    if (counted.reads++ < tornReads) buffer[20] = 0xff
    return whole.length
  }
  counted.file = { read, write } as OpenFile
  writeTail(counted.file, { ...EMPTY_TAIL, nextOffset: 42 })
  return counted
}

test('a tail that is read while it is written is read again', () => {
  expect(readTail(tailFile(0).file)?.nextOffset).toBe(42)
  expect(readTail(tailFile(4).file)?.nextOffset).toBe(42)
})

test('a tail that is damaged counts as missing after five reads', () => {
  const damaged = tailFile(Number.POSITIVE_INFINITY)
  expect(readTail(damaged.file)).toBeUndefined()
  expect(damaged.reads).toBe(5)
})

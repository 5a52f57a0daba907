import { expect, test } from 'vitest'
import { baseOffset, batchBytes, isWhole, nextOffset } from '../../record-batch/batch-header.ts'
import { fillingOf } from './plan-repair.ts'

test('more lost offsets than one batch can span are filled by several, without a gap', () => {
  const [from, to] = [7, 7 + 2 ** 32]
  const filling = fillingOf({ kind: 'fill', base: 0, position: 0, end: 0, last: true, from, to })
  let expected = from
  for (let at = 0; at < (filling?.length ?? 0); at += batchBytes(filling ?? Buffer.of(), at) ?? Number.NaN) {
    const buffer = filling ?? Buffer.of()
    expect(isWhole(buffer, at, batchBytes(buffer, at) ?? 0)).toBe(true)
    expect(baseOffset(buffer, at)).toBe(expected)
    expected = nextOffset(buffer, at)
  }
  expect(expected).toBe(to)
})

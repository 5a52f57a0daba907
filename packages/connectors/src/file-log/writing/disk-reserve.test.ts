import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { checkReserve } from './disk-reserve.ts'

const GIB = 1024 ** 3
const MIB = 1024 ** 2

/** A disk with this room. */
function disk(freeBytes: number, totalBytes: number) {
  return { files: { ...nodeEnv().files, space: () => ({ freeBytes, totalBytes }) } }
}

test.each([
  ['a hundredth of a small disk', 10 * MIB, 1000 * MIB],
  ['64 MiB of a large disk', 64 * MIB, 1000 * GIB],
])('the last room is left to jobs: %s', (_what, reserve, totalBytes) => {
  expect(() => checkReserve(disk(reserve - 1, totalBytes), '/data')).toThrow(
    expect.objectContaining({ code: 'LOG_FULL', message: expect.stringContaining('/data') }),
  )
  expect(() => checkReserve(disk(reserve, totalBytes), '/data')).not.toThrow()
})

test('a disk that does not state its room is not checked, and a real one is', () => {
  checkReserve({ files: { ...nodeEnv().files, space: () => undefined } }, '/data')
  const space = nodeEnv().files.space('/')
  expect(space?.totalBytes).toBeGreaterThan(space?.freeBytes ?? 0)
  expect(nodeEnv().files.space('/there/is/nothing')).toBeUndefined()
})

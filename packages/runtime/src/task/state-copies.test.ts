import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { StateCopies } from './state-copies.ts'

function directory(): string {
  const made = mkdtempSync(`${tmpdir()}/millrace-copies-`)
  onTestFinished(() => {
    chmodSync(made, 0o700)
    rmSync(made, { recursive: true })
  })
  return made
}

test('an owner begins with the copy that an owner had last, and a standby beside it leaves that copy alone', () => {
  const path = directory()
  const copies = new StateCopies(nodeEnv().files, `${path}/t-0`)
  expect(copies.orderFor('task')).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(copies.orderFor('standby beside the task')).toEqual([2, 3, 4, 5, 6, 7, 8])
  copies.noteOwner(3)
  expect(copies.orderFor('task')).toEqual([3, 1, 2, 4, 5, 6, 7, 8])
  expect(copies.orderFor('standby')).toEqual([3, 1, 2, 4, 5, 6, 7, 8])
  expect(copies.orderFor('standby beside the task')).toEqual([1, 2, 4, 5, 6, 7, 8])
  expect(copies.directoryOf(1)).toBe(`${path}/t-0`)
  expect(copies.directoryOf(3)).toBe(`${path}/t-0.3`)
})

test('without standbys, no file names the copy', () => {
  const path = directory()
  new StateCopies(nodeEnv().files, `${path}/t-0`).noteOwner(1)
  expect(readdirSync(path)).toEqual([])
})

test.each(['', '9', '0', 'x', '\0'])('a note that is damaged, such as %j, counts as none', (text) => {
  const path = directory()
  writeFileSync(`${path}/t-0.owner`, text)
  const copies = new StateCopies(nodeEnv().files, `${path}/t-0`)
  expect(copies.orderFor('task')[0]).toBe(1)
  copies.noteOwner(2)
  expect(copies.orderFor('task')[0]).toBe(2)
})

test('a note that cannot be written or read stops nothing', () => {
  const path = directory()
  const files = nodeEnv().files
  const copies = new StateCopies(
    {
      ...files,
      stat: (file) => files.stat(file),
      open: () => {
        throw new Error('EIO')
      },
    },
    `${path}/t-0`,
  )
  copies.noteOwner(2)
  expect(copies.orderFor('task')[0]).toBe(1)
})

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, onTestFinished, test } from 'vitest'
import { nodeFileSystem } from './file-system.ts'

test('removing a file that is gone is no error, and any other error has its code', () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-files-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const files = nodeFileSystem()
  files.remove(`${directory}/missing`)
  mkdirSync(`${directory}/inside`)
  expect(() => files.remove(`${directory}/inside`)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^E[A-Z]+$/), syscall: 'unlink' }),
  )
})

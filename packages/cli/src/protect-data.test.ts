import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { protectData } from './protect-data.ts'
import type { Io } from './terminal/io.ts'
import { processIo } from './terminal/process-io.ts'

let data: string

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'millrace-mode-'))
  onTestFinished(() => rmSync(data, { recursive: true }))
})

/** The message about a directory of that mode, and its mode afterwards. */
function protectedWith(mode: number): { readonly output: string; readonly mode: string } {
  chmodSync(data, mode)
  const stderr = new PassThrough()
  const io: Io = { ...processIo(), stderr }
  protectData(io, data)
  return { output: stderr.read()?.toString() ?? '', mode: (statSync(data).mode & 0o777).toString(8) }
}

test.each([0o777, 0o755, 0o750, 0o701])(
  'a data directory of mode %o is closed to other users, with a message',
  (mode) => {
    writeFileSync(join(data, 'millrace.json'), '{}')
    const { output, mode: after } = protectedWith(mode)
    expect(output).toContain(`was open to other users (mode 0${mode.toString(8)})`)
    expect(after).toBe('700')
  },
)

test('an empty directory is closed before anything is written to it; one that is closed is left alone', () => {
  expect(protectedWith(0o777).mode).toBe('700')
  expect(protectedWith(0o700)).toEqual({ output: '', mode: '700' })
})

test('an open directory that holds other files is refused, and stays as it is', () => {
  writeFileSync(join(data, 'thesis.txt'), '')
  expect(() => protectedWith(0o755)).toThrowError(expect.objectContaining({ code: 'BAD_INPUT' }))
  expect((statSync(data).mode & 0o777).toString(8)).toBe('755')
})

import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Env, RefusedError } from '@millrace/core'
import type { TlsCertificate } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { readTlsFiles, watchTlsFiles } from './tls-files.ts'

/** Files that are watched with timers which the test turns; `messages` are what was renewed, and the warnings. */
function watched() {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-tls-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const write = (content: string) => {
    const path = join(directory, content)
    writeFileSync(path, content)
    return path
  }
  const link = (name: string, to: string) => {
    const path = join(directory, name)
    rmSync(path, { force: true })
    symlinkSync(write(to), path)
    return path
  }
  const files = { certificate: link('certificate.pem', 'certificate 1'), key: link('key.pem', 'key 1') }
  let due: (() => void) | undefined
  const timers: Env['timers'] = {
    after: (delayMs, callback) => {
      expect(delayMs).toBe(10_000)
      due = callback
      return {
        cancel: () => {
          due = undefined
        },
      }
    },
    turn: () => Promise.resolve(),
  }
  const messages: string[] = []
  const renew = ({ certificate, key }: TlsCertificate) => {
    if (certificate.at(-1) !== key.at(-1)) throw new RefusedError('CERTIFICATE_INVALID', 'They do not fit')
    messages.push(`${certificate}, ${key}`)
  }
  const end = watchTlsFiles(files, readTlsFiles(files), timers, renew, (message) => messages.push(message))
  return { files, link, messages, end, turn: () => due?.() }
}

test('files that did not change are not used again', () => {
  const { turn, messages } = watched()
  turn()
  turn()
  expect(messages).toEqual([])
})

test('files that are replaced one after the other are used once they fit, with one warning before', () => {
  const { link, turn, messages } = watched()
  link('certificate.pem', 'certificate 2')
  turn()
  turn()
  link('key.pem', 'key 2')
  turn()
  turn()
  expect(messages).toEqual(['They do not fit', 'certificate 2, key 2'])
})

test('a file that is missing for a while is reported each time once', () => {
  const { files, link, turn, messages } = watched()
  const missing = expect.stringMatching(/^File .*key\.pem does not exist/)
  for (let time = 0; time < 2; time++) {
    unlinkSync(files.key)
    turn()
    turn()
    link('key.pem', 'key 1')
    turn()
  }
  expect(messages).toEqual([missing, missing])
})

test('files are not read any more once the watch has ended', () => {
  const { link, turn, messages, end } = watched()
  end()
  link('certificate.pem', 'certificate 2')
  turn()
  expect(messages).toEqual([])
})

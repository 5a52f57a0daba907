import { describe, expect, test } from 'vitest'
import { sha256 } from './sha256.ts'
import { artefactWith } from './testing/artefact-with.ts'
import { ARTEFACT_TRANSFER_BYTES_MAX, decodeArtefact, encodeArtefact } from './transfer.ts'

const artefact = artefactWith('one')
const MEBIBYTE = 1_048_576

/** The transferred form with another content. */
function changed(change: (transfer: { id: string; manifest: string; files: Record<string, string> }) => void): string {
  const transfer = JSON.parse(encodeArtefact(artefact))
  change(transfer)
  return JSON.stringify(transfer)
}

/** The transferred form of a manifest that was not made by `makeArtefact`, under its own id. */
function forged(change: (manifest: Record<string, unknown>) => void): string {
  return changed((transfer) => {
    const manifest = JSON.parse(Buffer.from(transfer.manifest, 'base64').toString())
    change(manifest)
    const bytes = Buffer.from(JSON.stringify(manifest))
    transfer.manifest = bytes.toString('base64')
    transfer.id = sha256(bytes)
  })
}

const file = (name: string, bytes = 0) => ({ name, bytes, sha256: sha256(Buffer.alloc(bytes)) })

test('a transferred artefact is the artefact', () => {
  const text = encodeArtefact(artefact)
  expect(decodeArtefact(text)).toEqual(artefact)
  expect(text).toMatch(/^[\x20-\x7e]*$/)
})

test('the largest artefact can be transferred', { timeout: 60_000 }, () => {
  const largest = artefactWith('one', {
    contents: new Map([...artefact.contents, ['data.bin', Buffer.alloc(32 * MEBIBYTE - 1024)]]),
  })
  const text = encodeArtefact(largest)
  expect(text.length).toBeLessThan(ARTEFACT_TRANSFER_BYTES_MAX)
  expect(decodeArtefact(text).id).toBe(largest.id)
})

test('an artefact whose files are too large is not made', () => {
  const contents = new Map([...artefact.contents, ['data.bin', Buffer.alloc(32 * MEBIBYTE)]])
  expect(() => artefactWith('one', { contents })).toThrow(
    expect.objectContaining({
      code: 'ARTEFACT_TOO_LARGE',
      message: expect.stringMatching(/its files have \d+ bytes, and at most 33554432/),
    }),
  )
})

test('an artefact whose manifest is too large is not made', () => {
  const externals = [{ name: 'a', version: '1.0.0', from: '/a', reason: 'b'.repeat(MEBIBYTE) }]
  expect(() => artefactWith('one', { externals })).toThrow(
    expect.objectContaining({ code: 'ARTEFACT_TOO_LARGE', message: expect.stringMatching(/its manifest has/) }),
  )
})

test('a text that is too large is refused before it is parsed', () => {
  expect(() => decodeArtefact('x'.repeat(45 * MEBIBYTE + 1))).toThrow(
    expect.objectContaining({ code: 'ARTEFACT_TOO_LARGE', message: expect.stringMatching(/received artefact/) }),
  )
})

describe('a received artefact is refused', () => {
  test.each([
    ['that is not JSON', 'job', /does not have an id/],
    ['that is null', 'null', /does not have an id/],
    ['without files', '{"id":"a","manifest":""}', /does not have an id/],
    ['with a file that is not text', '{"id":"a","manifest":"","files":{"a":1}}', /does not have an id/],
    [
      'with another id',
      changed((transfer) => {
        transfer.id = 'ab'.repeat(32)
      }),
      /artefact\.json differs/,
    ],
    [
      'without its code',
      changed(({ files }) => {
        delete files['job.mjs']
      }),
      /job\.mjs is missing/,
    ],
    [
      'with other code of the same length',
      changed(({ files }) => {
        files['job.mjs'] = `A${files['job.mjs']?.slice(1)}`
      }),
      /job\.mjs was changed/,
    ],
    [
      'with a file that is not listed',
      changed(({ files }) => {
        files['more.js'] = ''
      }),
      /files that its manifest does not list/,
    ],
    [
      'whose manifest is too large',
      changed((transfer) => {
        transfer.manifest = Buffer.alloc(MEBIBYTE + 1).toString('base64')
      }),
      /artefact\.json has more than 1048576 bytes/,
    ],
    [
      'that lists no code',
      forged((manifest) => {
        manifest['files'] = []
      }),
      /does not describe an artefact/,
    ],
    [
      'that lists a file twice',
      forged(({ files }) => {
        if (Array.isArray(files)) files.push(files[0])
      }),
      /does not describe an artefact/,
    ],
    [
      'that lists a path out of the directory',
      forged(({ files }) => {
        if (Array.isArray(files)) files.push(file('../job.mjs'))
      }),
      /does not describe an artefact/,
    ],
    [
      'that lists artefact.json',
      forged(({ files }) => {
        if (Array.isArray(files)) files.push(file('artefact.json'))
      }),
      /does not describe an artefact/,
    ],
    [
      'that lists more bytes than an artefact may have',
      forged(({ files }) => {
        if (Array.isArray(files)) files.push({ ...file('a'), bytes: 32 * MEBIBYTE })
      }),
      /does not describe an artefact/,
    ],
    [
      'that lists a size that is not a number',
      forged(({ files }) => {
        if (Array.isArray(files)) files.push({ ...file('a'), bytes: '1' })
      }),
      /does not describe an artefact/,
    ],
    [
      'of an older format',
      forged((manifest) => {
        manifest['format'] = 0
      }),
      /does not describe an artefact/,
    ],
    [
      'with the description of another job',
      forged((manifest) => {
        manifest['job'] = 'other'
      }),
      /does not describe an artefact/,
    ],
    [
      'with packages that are not listed as such',
      forged((manifest) => {
        manifest['externals'] = [{ name: 'a' }]
      }),
      /does not describe an artefact/,
    ],
  ])('%s', (_what, text, message) => {
    expect(() => decodeArtefact(text)).toThrow(
      expect.objectContaining({ code: 'ARTEFACT_DAMAGED', message: expect.stringMatching(message) }),
    )
  })

  test('of a newer format', () => {
    expect(() =>
      decodeArtefact(
        forged((manifest) => {
          manifest['format'] = 2
        }),
      ),
    ).toThrow(expect.objectContaining({ code: 'ARTEFACT_VERSION' }))
  })
})

import { isUtf8 } from 'node:buffer'
import { closeSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { Readable } from 'node:stream'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { byteLines } from '../lines.ts'
import { DataFolder } from '../testing/data-folder.ts'
import { openText } from './text-input.ts'

const FIRST = 'k,n\n1,2\n'
const SECOND = '3,4\n5,6\n'

async function textOf(content: Uint8Array): Promise<string> {
  using folder = new DataFolder()
  const input = await openText(folder.write('a.csv', content), Readable.from([]), undefined)
  let text = ''
  for await (const chunk of input.chunks()) text += chunk.toString()
  return text
}

/** The bytes as stdin, in chunks of so many bytes. */
async function textOfChunks(content: Buffer, length: number): Promise<string> {
  const chunks = Array.from({ length: Math.ceil(content.length / length) }, (_, index) =>
    content.subarray(index * length, (index + 1) * length),
  )
  let text = ''
  const input = await openText(undefined, Readable.from(chunks), undefined)
  for await (const chunk of input.chunks()) text += chunk.toString()
  return text
}

/** A frame of zstd that holds no part of the text. */
function skippable(magic: number, content: string): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(magic)
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, Buffer.from(content)])
}

const LARGE = Array.from({ length: 200_000 }, (_, index) => `${index * 7919},${index % 13}\n`).join('')

describe('compressed text', () => {
  test.each([
    ['two frames of zstd', [zstdCompressSync(FIRST), zstdCompressSync(SECOND)]],
    ['frames behind one that is skipped', [skippable(0x184d2a50, 'x'), zstdCompressSync(FIRST + SECOND)]],
    [
      'frames around one that is skipped',
      [zstdCompressSync(FIRST), skippable(0x184d2a5f, 'notes'), zstdCompressSync(SECOND)],
    ],
    ['frames that hold nothing', [zstdCompressSync(''), zstdCompressSync(FIRST + SECOND), zstdCompressSync('')]],
    ['two members of gzip', [gzipSync(FIRST), gzipSync(SECOND)]],
    ['gzip that is filled up with zeros', [gzipSync(FIRST + SECOND), Buffer.alloc(100)]],
  ])('is read whole: %s', async (_, parts) => {
    expect(await textOf(Buffer.concat(parts))).toBe(FIRST + SECOND)
    for (const length of [1, 7]) expect(await textOfChunks(Buffer.concat(parts), length)).toBe(FIRST + SECOND)
  })

  test('is read whole in many blocks', async () => {
    const packed = Buffer.concat([zstdCompressSync(LARGE), zstdCompressSync(FIRST)])
    expect((await textOf(packed)) === LARGE + FIRST).toBe(true)
  })

  test.each([
    ['a second frame of zstd that is cut off', [zstdCompressSync(FIRST), zstdCompressSync(SECOND).subarray(0, -3)]],
    ['a second frame of zstd of which two bytes are left', [zstdCompressSync(FIRST), Buffer.from('28b5', 'hex')]],
    ['a skipped frame that is cut off', [zstdCompressSync(FIRST), skippable(0x184d2a51, 'text').subarray(0, -1)]],
    ['text behind a frame of zstd', [zstdCompressSync(FIRST), Buffer.from(SECOND)]],
    ['text behind gzip', [gzipSync(FIRST), Buffer.from(SECOND)]],
    ['text behind gzip and zeros', [gzipSync(FIRST), Buffer.alloc(9), Buffer.from(SECOND)]],
    ['a second member of gzip that is cut off', [gzipSync(FIRST), gzipSync(SECOND).subarray(0, -3)]],
  ])('is refused: %s', async (_, parts) => {
    const content = Buffer.concat(parts)
    await expect(textOf(content)).rejects.toThrow(/cannot be decompressed to its end: it is damaged or incomplete/)
    for (const length of [1, 7]) await expect(textOfChunks(content, length)).rejects.toThrow('is damaged or incomplete')
  })
})

test.each([
  ['gzip', gzipSync(gzipSync(FIRST))],
  ['zstd', zstdCompressSync(zstdCompressSync(FIRST))],
])('text that is compressed twice is refused as such: %s', async (_, content) => {
  await expect(textOf(content)).rejects.toThrow('is compressed twice. Decompress it once')
})

describe('text of a stated encoding', () => {
  const utf16le = (text: string) => Buffer.from(text, 'utf16le')
  const utf16be = (text: string) => utf16le(text).swap16()
  const line = (...bytes: number[]) => Buffer.from([...bytes, 10])

  async function linesOf(content: Buffer, encoding: string, length = content.length): Promise<(string | undefined)[]> {
    const chunks = Array.from({ length: Math.ceil(content.length / length) }, (_, index) =>
      content.subarray(index * length, (index + 1) * length),
    )
    const parts: Buffer[] = []
    for await (const part of (await openText(undefined, Readable.from(chunks), encoding)).chunks()) parts.push(part)
    return byteLines(Buffer.concat(parts)).map((each) => (isUtf8(each) ? each.toString() : undefined))
  }

  test.each([
    ['shift_jis', Buffer.concat([line(0x82, 0xa0), line(0x82, 0xa2)]), ['あ', 'い']],
    ['shift_jis', Buffer.concat([line(0x82, 0xa0), line(0x61, 0x82), line(0x82, 0xa2)]), ['あ', undefined, 'い']],
    ['shift_jis', Buffer.concat([line(0x61), Buffer.of(0x82)]), ['a', undefined]],
    ['utf-16le', utf16le('é\nĊ\u0a0a\n😀'), ['é', 'Ċ\u0a0a', '😀']],
    ['utf-16le', utf16le('é\na\ud800b\n\ufffd\nü'), ['é', undefined, '\ufffd', 'ü']],
    ['utf-16le', utf16le('é\na').subarray(0, -1), ['é', undefined]],
    ['utf-16be', utf16be('é\n\udc00\nĀ\nü\n'), ['é', undefined, 'Ā', 'ü']],
  ])('is read line by line, and a bad line spoils no other line: %s %#', async (encoding, content, lines) => {
    for (const length of [content.length, 1, 2, 3]) expect(await linesOf(content, encoding, length)).toEqual(lines)
  })
})

test('UTF-16 without line breaks is refused before it fills the memory', async () => {
  const chunk = Buffer.alloc(64 * 1024 * 1024, 'a')
  const input = await openText(undefined, Readable.from(Array(9).fill(chunk)), 'utf-16le')
  await expect(input.chunks().next()).rejects.toThrow('A line of stdin is too long')
})

test('stdin that is a directory is refused', async () => {
  const fd = openSync(tmpdir(), 'r')
  try {
    const stdin = Object.assign(Readable.from([]), { fd })
    await expect(openText(undefined, stdin, undefined)).rejects.toThrow('Stdin is a directory')
  } finally {
    closeSync(fd)
  }
})

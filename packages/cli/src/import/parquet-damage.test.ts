import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { DataFolder } from '../testing/data-folder.ts'
import { readRows } from '../testing/read-rows.ts'
import { lz4Block } from './lz4-block.ts'
import { checkedCompressors } from './parquet-compression.ts'

const FILES = fileURLToPath(new URL('../testing/parquet/', import.meta.url))

/** Every byte is damaged in CI, every fifth elsewhere. */
const EACH_BYTE = process.env['CI'] === undefined ? 5 : 1

const original = (name: string) => readFileSync(join(FILES, `${name}.parquet`))

async function valuesOf(folder: DataFolder, bytes: Uint8Array): Promise<readonly unknown[] | string> {
  const { rows, error } = await readRows(folder.write('a.parquet', bytes), 'k')
  if (error !== undefined) return error.message
  return rows.map((row) => (row.error === undefined ? row.json : row.error.message))
}

/** Where the pages end and the footer begins. */
function footerStart(bytes: Buffer): number {
  return bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8)
}

describe('a damaged page', () => {
  test.each([
    ['gzip', 763, 0x40],
    ['zstd', 421, 0x10],
    ['brotli', 531, 0x20],
  ])('that %s cannot have made is refused', async (codec, at, bit) => {
    using folder = new DataFolder()
    const bytes = original(`compressed-${codec}`)
    bytes[at] = (bytes[at] ?? 0) ^ bit
    expect(await valuesOf(folder, bytes)).toMatch(/is damaged: row group 0 cannot be read/)
  })

  test.each(['checksums', 'compressed-gzip'])(
    'never gives other values if a checksum covers them: %s',
    {
      timeout: 60_000,
    },
    async (name) => {
      using folder = new DataFolder()
      const whole = original(name)
      const values = await valuesOf(folder, whole)
      let tried = 0
      let refused = 0
      for (let at = 4; at < footerStart(whole); at += EACH_BYTE) {
        tried++
        const bytes = Buffer.from(whole)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
        const found = await valuesOf(folder, bytes)
        if (typeof found === 'string') refused++
        else expect(found, `byte ${at}`).toEqual(values)
      }
      expect(refused).toBeGreaterThan(tried / 2)
    },
  )

  test('comes from a file whose whole pages have the same values with every codec', async () => {
    using folder = new DataFolder()
    const values = await valuesOf(folder, original('compressed-gzip'))
    expect(values).toHaveLength(60)
    for (const codec of ['zstd', 'brotli', 'lz4', 'snappy']) {
      expect(await valuesOf(folder, original(`compressed-${codec}`)), codec).toEqual(values)
    }
  })
})

test.each([
  ['types', 29 * EACH_BYTE],
  ['checksums', 2 * EACH_BYTE],
  ['compressed-snappy', 2 * EACH_BYTE],
] as const)(
  'a damaged byte of %s is refused with a message for users, not with an error of the engine',
  {
    timeout: 60_000,
  },
  async (name, step) => {
    using folder = new DataFolder()
    const whole = original(name)
    const key = name === 'types' ? 'id' : 'k'
    for (let at = 0; at < whole.length; at += step) {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << ((at * 5) % 8))
      const { rows, error } = await readRows(folder.write('a.parquet', bytes), key)
      const messages = [error?.message ?? '', ...rows.map((row) => row.error?.message ?? '')].join('\n')
      expect(messages, `byte ${at}`).not.toMatch(
        /undefined|null \(|not a function|outside the bounds|out of range|typed array|array length|BigInt|buffer length/i,
      )
    }
  },
)

describe('a block of LZ4', () => {
  const block = (bytes: readonly number[], length: number) => lz4Block(Uint8Array.from(bytes), length)
  const hello = [...Buffer.from('hello')]

  test('is read with literals and matches', () => {
    expect(Buffer.from(block([0x50, ...hello], 5)).toString()).toBe('hello')
    expect(Buffer.from(block([0x11, 97, 1, 0, 0x20, 98, 99], 8)).toString()).toBe('aaaaaabc')
  })

  test('is read after the two lengths that Hadoop writes before it', () => {
    const bytes = [0, 0, 0, 5, 0, 0, 0, 6, 0x50, ...hello]
    const unpacked = checkedCompressors.LZ4?.(Uint8Array.from([...bytes, ...bytes]), 10)
    expect(Buffer.from(unpacked ?? []).toString()).toBe('hellohello')
  })

  test.each([
    ['gives less than it should', [0x50, ...hello], 6],
    ['gives more than it should', [0x50, ...hello], 4],
    ['has a literal that is cut off', [0x50, 104, 101], 5],
    ['has a length that is cut off', [0xf0], 15],
    ['has a match that is cut off', [0x10, 97, 1], 5],
    ['has a match before its start', [0x10, 97, 2, 0], 5],
    ['has a match of its own place', [0x10, 97, 0, 0], 5],
    ['has a match that is too long', [0x1f, 97, 1, 0, 9], 5],
  ])('is refused if it %s', (_, bytes, length) => {
    expect(() => block(bytes, length)).toThrow()
  })
})

test('a page of snappy that states another length than its header is refused', () => {
  const page = Uint8Array.from([3, 8, 1, 2, 3])
  expect(checkedCompressors.SNAPPY?.(page, 3)).toEqual(Uint8Array.from([1, 2, 3]))
  expect(checkedCompressors.SNAPPY?.(new Uint8Array(), 0)).toEqual(new Uint8Array())
  expect(() => checkedCompressors.SNAPPY?.(page, 5)).toThrow('its header states 5')
})

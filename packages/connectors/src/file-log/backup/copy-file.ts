import type { Env } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { syncFile } from '../sync.ts'

const CHUNK_BYTES = 1024 * 1024

/** The part of a file that was read. */
export interface ReadBytes {
  readonly bytes: number
  readonly crc32c: number
}

/** Copies a file, or its first `limit` bytes, to a new one, durably. Throws `ENOENT` before anything is created. */
export async function copyFile(env: Env, from: string, to: string, limit = Number.POSITIVE_INFINITY): Promise<void> {
  await copyWithChecksum(env, from, to, limit)
}

/** As `copyFile`; returns what was copied. */
export async function copyWithChecksum(
  env: Env,
  from: string,
  to: string,
  limit = Number.POSITIVE_INFINITY,
): Promise<ReadBytes> {
  const source = env.files.open(from, 'read')
  try {
    const target = env.files.open(to, 'create')
    try {
      const read = await readThrough(env, source, limit, (chunk, at) => target.write(chunk, 0, chunk.length, at))
      await syncFile(target)
      return read
    } finally {
      target.close()
    }
  } finally {
    source.close()
  }
}

/** The checksum of a whole file. */
export async function checksumFile(env: Env, path: string): Promise<ReadBytes> {
  const file = env.files.open(path, 'read')
  try {
    return await readThrough(env, file, Number.POSITIVE_INFINITY, () => undefined)
  } finally {
    file.close()
  }
}

async function readThrough(
  { timers }: Env,
  file: { read(buffer: Uint8Array, offset: number, length: number, position: number): number },
  limit: number,
  use: (chunk: Buffer, position: number) => void,
): Promise<ReadBytes> {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let bytes = 0
  let checksum = 0
  for (;;) {
    const held = file.read(buffer, 0, Math.min(CHUNK_BYTES, limit - bytes), bytes)
    if (held === 0) return { bytes, crc32c: checksum }
    const chunk = buffer.subarray(0, held)
    use(chunk, bytes)
    checksum = crc32c(chunk, 0, chunk.length, checksum)
    bytes += held
    await timers.turn()
  }
}

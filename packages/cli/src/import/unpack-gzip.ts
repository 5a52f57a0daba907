import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** Whether a file that begins with these bytes is compressed with gzip. */
export function isGzip(head: Buffer): boolean {
  return head[0] === 0x1f && head[1] === 0x8b
}

/**
 * The content of all members, one after the other. Zeros may follow the last member, as the blocks of a tape leave them.
 * Anything else after it is damage, which node:zlib ignores.
 */
export async function* unpackGzip(
  stored: AsyncGenerator<Buffer, void>,
  damaged: (what: string) => Error,
): AsyncGenerator<Buffer, void> {
  let read = 0
  let contentEnd = 0
  async function* watched(): AsyncGenerator<Buffer, void> {
    for await (const chunk of stored) {
      const last = chunk.findLastIndex((byte) => byte !== 0)
      if (last >= 0) contentEnd = read + last + 1
      read += chunk.length
      yield chunk
    }
  }
  const source = watched()
  // When the stream is done it ends its source, but there may be more to check.
  async function* fed(): AsyncGenerator<Buffer, void> {
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value
  }
  const unpack = createGunzip()
  // The iteration throws the errors of the stream.
  pipeline(Readable.from(fed()), unpack, () => undefined)
  yield* unpack
  for (let next = await source.next(); next.done !== true; ) next = await source.next()
  if (contentEnd > unpack.bytesWritten) throw damaged('what follows the compressed text is not gzip')
}

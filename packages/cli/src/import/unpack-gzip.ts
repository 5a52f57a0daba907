import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** Whether a file that begins so is one of gzip. */
export function isGzip(head: Buffer): boolean {
  return head[0] === 0x1f && head[1] === 0x8b
}

/**
 * The content of all members, one after the other. Zeros may follow the last one, as the blocks of a tape leave them; node:zlib passes
 * over whatever else stands behind them, which is damage.
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
  // The stream ends its source when it is done, and there may be more to look at.
  async function* fed(): AsyncGenerator<Buffer, void> {
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value
  }
  const unpack = createGunzip()
  // Its errors come out of the iteration.
  pipeline(Readable.from(fed()), unpack, () => undefined)
  yield* unpack
  for (let next = await source.next(); next.done !== true; ) next = await source.next()
  if (contentEnd > unpack.bytesWritten) throw damaged('what follows the compressed text is not gzip')
}

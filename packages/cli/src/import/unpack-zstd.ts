import { pipeline, Readable } from 'node:stream'
import { createZstdDecompress } from 'node:zlib'

const FRAME_MAGIC = 0xfd2fb528
/** The first of the sixteen magic numbers of skippable frames, which hold no part of the text. */
const SKIPPABLE_MAGIC = 0x184d2a50
const MAGIC_BYTES = 4
const CHECKSUM_BYTES = 4
const BLOCK_HEADER_BYTES = 3
/** Bytes of the dictionary's number, and of the size of the content, by the flags in the frame's header. */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4]
const CONTENT_SIZE_BYTES = [0, 2, 4, 8]
const RLE_BLOCK = 1
const RESERVED_BLOCK = 3

/** Whether a file that begins with these bytes is compressed with zstd. */
export function isZstd(head: Buffer): boolean {
  if (head.length < MAGIC_BYTES) return false
  const magic = head.readUInt32LE()
  return magic === FRAME_MAGIC || isSkippable(magic)
}

/**
 * The content of all frames (RFC 8878), one after the other. The stream of node:zlib ends after the first frame and ignores
 * what follows, so each frame gets its own stream. Throws `BAD_INPUT` for bytes after a frame that are not a frame. Damage
 * inside a frame is an error of node:zlib.
 */
export async function* unpackZstd(
  stored: AsyncGenerator<Buffer, void>,
  damaged: (what: string) => Error,
): AsyncGenerator<Buffer, void> {
  const bytes = new ByteQueue(stored, damaged)
  while (!(await bytes.isEmpty())) {
    const head = await bytes.take(MAGIC_BYTES)
    const magic = head.readUInt32LE()
    if (isSkippable(magic)) {
      await bytes.skip((await bytes.take(4)).readUInt32LE())
      continue
    }
    if (magic !== FRAME_MAGIC) throw damaged('what follows the compressed text is not zstd')
    const unpack = createZstdDecompress()
    // The iteration throws the errors of the stream.
    pipeline(Readable.from(frame(head, bytes, damaged)), unpack, () => undefined)
    yield* unpack
  }
}

/** The bytes of one frame, block by block. */
async function* frame(magic: Buffer, bytes: ByteQueue, damaged: (what: string) => Error): AsyncGenerator<Buffer, void> {
  const descriptor = await bytes.take(1)
  const flags = descriptor[0] ?? 0
  const isSingleSegment = (flags & 0x20) !== 0
  const hasChecksum = (flags & 0x04) !== 0
  const windowBytes = isSingleSegment ? 0 : 1
  const sizeFlag = flags >> 6
  const sizeBytes = sizeFlag === 0 && isSingleSegment ? 1 : (CONTENT_SIZE_BYTES[sizeFlag] ?? 0)
  const restBytes = windowBytes + (DICTIONARY_ID_BYTES[flags & 3] ?? 0) + sizeBytes
  yield Buffer.concat([magic, descriptor, await bytes.take(restBytes)])
  for (let last = false; !last; ) {
    const header = await bytes.take(BLOCK_HEADER_BYTES)
    const fields = header.readUIntLE(0, BLOCK_HEADER_BYTES)
    const type = (fields >> 1) & 3
    last = (fields & 1) === 1
    if (type === RESERVED_BLOCK) throw damaged('a block has an unknown type')
    yield Buffer.concat([header, await bytes.take(type === RLE_BLOCK ? 1 : fields >> 3)])
  }
  if (hasChecksum) yield await bytes.take(CHECKSUM_BYTES)
}

function isSkippable(magic: number): boolean {
  return magic >= SKIPPABLE_MAGIC && magic <= SKIPPABLE_MAGIC + 15
}

/** A stream that is read in pieces of requested lengths. */
class ByteQueue {
  readonly #chunks: AsyncGenerator<Buffer, void>
  readonly #damaged: (what: string) => Error
  #rest: Buffer = Buffer.alloc(0)

  constructor(chunks: AsyncGenerator<Buffer, void>, damaged: (what: string) => Error) {
    this.#chunks = chunks
    this.#damaged = damaged
  }

  async isEmpty(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#chunks.next()
      if (done === true) return true
      this.#rest = value
    }
    return false
  }

  /** The next bytes; throws if there are fewer. */
  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = []
    let missing = length
    while (missing > 0) {
      if (await this.isEmpty()) throw this.#damaged('it is incomplete')
      const part = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(part.length)
      parts.push(part)
      missing -= part.length
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
  }

  async skip(length: number): Promise<void> {
    for (let missing = length; missing > 0; ) missing -= (await this.take(Math.min(missing, 64 * 1024))).length
  }
}

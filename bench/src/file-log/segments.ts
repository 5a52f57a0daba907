import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { crc32c } from '@node-rs/crc32'
import { ATTRIBUTES_AT, CRC_AT, LENGTH_AT, LENGTH_OVERHEAD_BYTES } from '../hand-written/record-batch.ts'

/** More than any batch that these benchmarks write. */
const READ_BYTES = 4 * 1024 * 1024

/** Every batch of a partition, each in its own buffer. */
export function readSegments(directory: string): Buffer[] {
  const batches: Buffer[] = []
  forEachBatch(directory, true, (bytes, start, end) => batches.push(Buffer.from(bytes.subarray(start, end))))
  return batches
}

/** Calls `each` for every batch of a partition. `bytes` also holds what was read next to the batch, and is used again. */
export function forEachBatch(
  directory: string,
  verify: boolean,
  each: (bytes: Buffer, start: number, end: number) => void,
): void {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  for (const name of readdirSync(directory).sort()) {
    if (!name.endsWith('.log')) continue
    const file = openSync(`${directory}/${name}`, 'r')
    let held = 0
    for (;;) {
      const read = readSync(file, buffer, held, buffer.length - held, null)
      if (read === 0) break
      held += read
      let at = 0
      while (held - at >= LENGTH_OVERHEAD_BYTES) {
        const end = at + LENGTH_OVERHEAD_BYTES + buffer.readInt32BE(at + LENGTH_AT)
        if (end > held) break
        if (verify && crc32c(buffer.subarray(at + ATTRIBUTES_AT, end)) !== buffer.readUInt32BE(at + CRC_AT)) {
          throw new Error(`${name} is damaged`)
        }
        each(buffer, at, end)
        at = end
      }
      buffer.copyWithin(0, at, held)
      held -= at
    }
    closeSync(file)
  }
}

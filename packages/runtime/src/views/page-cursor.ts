import { crc32 } from 'node:zlib'
import { RefusedError } from '@millrace/core'
import type { StoreRange } from '@millrace/core/internal'

const CHECK_BYTES = 4

/** The name of a view's order, for its cursors: a cursor of one order means nothing in another. No view's name has a space. */
export function orderName(
  { name }: { readonly name: string },
  { by = 'key' }: Pick<StoreRange<unknown>, 'by'>,
): string {
  return by === 'key' ? name : `${name} by ${by}`
}

/**
 * The end of a page, as text that has a meaning only to this server: the stored order of its last entry, with a checksum
 * over it and the name of the view's order, so that a cut, mistyped or foreign cursor is rejected instead of read.
 */
export function encodeCursor(view: string, order: Buffer): string {
  const bytes = Buffer.allocUnsafe(CHECK_BYTES + order.length)
  bytes.writeUInt32BE(checksum(view, order), 0)
  order.copy(bytes, CHECK_BYTES)
  return bytes.toString('base64url')
}

/** The inverse; throws `BAD_REQUEST` for what `encodeCursor` did not make for this view. */
export function decodeCursor(view: string, text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  const order = bytes.subarray(CHECK_BYTES)
  // Decoding skips characters that are not base64url: only text that comes out the same way was made by `encodeCursor`.
  const intact = bytes.length >= CHECK_BYTES && bytes.toString('base64url') === text
  if (intact && bytes.readUInt32BE(0) === checksum(view, order)) return order
  throw new RefusedError(
    'BAD_REQUEST',
    `Parameter cursor must be the unchanged "next" of a page of view ${view}, not ${JSON.stringify(text)}. Leave it out to ` +
      'start at the beginning',
    { store: view },
  )
}

function checksum(view: string, order: Buffer): number {
  return crc32(order, crc32(view))
}

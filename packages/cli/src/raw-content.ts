import { type ByteWriter, bytes, type Serde, string } from '@millrace/core'

const TEXT = string()
const BYTES = bytes()

/** Text as UTF-8, and bytes as they are. They are read back as bytes. */
export const RAW_CONTENT: Serde<string | Uint8Array> = {
  ...BYTES,
  encode(content: string | Uint8Array, out: ByteWriter): void {
    if (typeof content === 'string') TEXT.encode(content, out)
    else BYTES.encode(content, out)
  },
}

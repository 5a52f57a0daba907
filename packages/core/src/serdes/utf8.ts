const REPLACEMENT = '\uFFFD'
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Decodes `bytes[start, end)` as UTF-8, and throws if they are not UTF-8. Node would put U+FFFD for what it cannot decode and
 * report no error. Only text that has that character is checked again, so that ordinary text costs one search.
 */
export function strictUtf8(bytes: Buffer, start: number, end: number): string {
  const text = bytes.utf8Slice(start, end)
  return text.includes(REPLACEMENT) ? STRICT.decode(bytes.subarray(start, end)) : text
}

const REPLACEMENT = '\uFFFD'
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Decodes `bytes[start, end)` as UTF-8 and throws where it is none. Node would put U+FFFD for what it cannot decode and
 * say nothing: only text that has that character is looked at twice, so that ordinary text costs one search.
 */
export function strictUtf8(bytes: Buffer, start: number, end: number): string {
  const text = bytes.utf8Slice(start, end)
  return text.includes(REPLACEMENT) ? STRICT.decode(bytes.subarray(start, end)) : text
}

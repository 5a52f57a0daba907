/**
 * A cell of a bad row as JSON, for its dead letter. Text is a string. Bytes, also those of text that is not UTF-8, are
 * `{"base64":"…"}`, so that no byte is lost or read as another value.
 */
export function rawCellJson(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (value instanceof Uint8Array) return `{"base64":"${Buffer.from(value).toString('base64')}"}`
  if (Array.isArray(value)) return `[${value.map(rawCellJson).join(',')}]`
  if (ArrayBuffer.isView(value)) return rawCellJson(Array.from(value as Int32Array))
  if (typeof value === 'object') {
    const fields = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}:${rawCellJson(each)}`)
    return `{${fields.join(',')}}`
  }
  const isNumber = typeof value === 'number' && Number.isFinite(value)
  return isNumber || typeof value === 'boolean' ? String(value) : JSON.stringify(String(value))
}

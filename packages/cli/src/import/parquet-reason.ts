import { MillraceError } from '@millrace/core'

/**
 * Why a parquet file, or a value of it, cannot be read, for a person. Errors of the engine (a property of undefined, a place
 * outside its bytes, an undefined type) mean damage that the library does not check for. Their messages do not help a
 * reader.
 */
export function reasonOf(cause: unknown): string {
  if (cause instanceof MillraceError) return cause.message
  const isParserFault = cause instanceof TypeError || cause instanceof RangeError || cause instanceof SyntaxError
  if (!(cause instanceof Error) || isParserFault || /undefined|NaN|out of range/.test(cause.message))
    return 'its content does not match its metadata'
  return cause.message.replace(/^parquet /, '')
}

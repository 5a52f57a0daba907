import { MillraceError } from '@millrace/core'

/**
 * Why a parquet file, or a value of it, cannot be read, for a person. What the engine stumbles over (a property of nothing, a place outside
 * its bytes, a type that is undefined) is damage that it does not look for, and its words help no reader.
 */
export function reasonOf(cause: unknown): string {
  if (cause instanceof MillraceError) return cause.message
  const isStumble = cause instanceof TypeError || cause instanceof RangeError || cause instanceof SyntaxError
  if (!(cause instanceof Error) || isStumble || /undefined|NaN|out of range/.test(cause.message))
    return 'what it holds is not what it says of itself'
  return cause.message.replace(/^parquet /, '')
}

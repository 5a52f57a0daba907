import { RefusedError } from '@millrace/core'

/** A request's query, each name at most once, decoded. */
export type Query = ReadonlyMap<string, string>

/**
 * Reads the query part of a URL. Throws `BAD_REQUEST`, naming the parameter, for a parameter that is not among `names`, that
 * comes twice, or whose percent-encoding is broken: a mistyped bound must not silently widen the query.
 */
export function parseQuery(url: string, names: readonly string[]): Query {
  const query = new Map<string, string>()
  const start = url.indexOf('?')
  if (start < 0 || start === url.length - 1) return query
  for (const pair of url.slice(start + 1).split('&')) {
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals), 'a name')
    if (!names.includes(name)) {
      const known = names.length === 0 ? 'none is taken here' : `there are ${names.join(', ')}`
      throw badRequest(name, `no such parameter; ${known}`)
    }
    if (query.has(name)) throw badRequest(name, 'given twice')
    query.set(name, decode(equals < 0 ? '' : pair.slice(equals + 1), name))
  }
  return query
}

/** A parameter that must be there. */
export function required(query: Query, name: string, meaning: string): string {
  const text = query.get(name)
  if (text === undefined) throw badRequest(name, `missing; give ${meaning}`)
  return text
}

/** An integer parameter within bounds, both inclusive; undefined if it is absent. */
export function integer(query: Query, name: string, meaning: string, min: number, max: number): number | undefined {
  const text = query.get(name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^-?\d{1,16}$/.test(text) && value >= min && value <= max) return value
  throw badRequest(name, `${JSON.stringify(text)} is not ${meaning}`)
}

/** Whether a parameter is `true`; false if it is absent. */
export function flag(query: Query, name: string): boolean {
  const text = query.get(name) ?? 'false'
  if (text === 'true' || text === 'false') return text === 'true'
  throw badRequest(name, `${JSON.stringify(text)} is neither true nor false`)
}

/** A time in ms since the epoch; undefined if it is absent. */
export function timeMs(query: Query, name: string): number | undefined {
  return integer(query, name, 'a time in ms since the epoch', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
}

/** The error for a parameter that cannot be used. */
export function badRequest(name: string, message: string, cause?: unknown): RefusedError {
  return new RefusedError('BAD_REQUEST', `${name}: ${message}`, { cause })
}

function decode(text: string, name: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw badRequest(name, `${JSON.stringify(text)} is not percent-encoded UTF-8`, cause)
  }
}

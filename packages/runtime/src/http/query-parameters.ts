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
    const given = equals < 0 ? pair : pair.slice(0, equals)
    const name = decode(given, given)
    if (!names.includes(name)) {
      const known = names.length === 0 ? 'This path has no parameters' : `This path has ${names.join(', ')}`
      throw badRequest(name, `is unknown. ${known}`)
    }
    if (query.has(name)) throw badRequest(name, 'is given twice')
    query.set(name, decode(equals < 0 ? '' : pair.slice(equals + 1), name))
  }
  return query
}

/** A parameter that must be there. */
export function required(query: Query, name: string, meaning: string): string {
  const text = query.get(name)
  if (text === undefined) throw badRequest(name, `is missing. Give ${meaning}`)
  return text
}

/** An integer parameter within bounds, both inclusive; undefined if it is absent. */
export function integer(query: Query, name: string, meaning: string, min: number, max: number): number | undefined {
  const text = query.get(name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^-?\d{1,16}$/.test(text) && value >= min && value <= max) return value
  throw badRequest(name, `must be ${meaning}, not ${JSON.stringify(text)}`)
}

/** Whether a parameter is `true`; false if it is absent. */
export function flag(query: Query, name: string): boolean {
  const text = query.get(name) ?? 'false'
  if (text === 'true' || text === 'false') return text === 'true'
  throw badRequest(name, `must be true or false, not ${JSON.stringify(text)}`)
}

/** A time in ms since the epoch; undefined if it is absent. */
export function timeMs(query: Query, name: string): number | undefined {
  return integer(query, name, 'a time in ms since the epoch', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
}

/** The error for a parameter that cannot be used. */
export function badRequest(name: string, message: string, cause?: unknown): RefusedError {
  return new RefusedError('BAD_REQUEST', `Parameter ${name} ${message}`, { cause })
}

function decode(text: string, name: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw badRequest(name, `is not percent-encoded UTF-8: ${JSON.stringify(text)}`, cause)
  }
}

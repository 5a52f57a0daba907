import { type Position, parsePosition, type Window } from '@millrace/core'

/** A field of an answer's object; throws if the answer is not an object. */
export function field(json: unknown, name: string): unknown {
  if (typeof json !== 'object' || json === null) throw new Error(`${JSON.stringify(json)} is not an object`)
  return Object.hasOwn(json, name) ? Reflect.get(json, name) : undefined
}

export function textField(json: unknown, name: string): string {
  const text = field(json, name)
  if (typeof text !== 'string') throw new Error(`"${name}" is not text`)
  return text
}

export function listField(json: unknown, name: string): readonly unknown[] {
  const list = field(json, name)
  if (!Array.isArray(list)) throw new Error(`"${name}" is not a list`)
  return list
}

export function positionField(json: unknown): Position {
  return parsePosition(textField(json, 'position'))
}

/** The position from which a view counts, as an answer gives it; nothing for a view that counts from the start. */
export function completeFromField(json: unknown): { readonly completeFrom?: Position } {
  const from = field(json, 'completeFrom')
  return from === undefined || from === null ? {} : { completeFrom: parsePosition(textField(json, 'completeFrom')) }
}

/** The window of an entry; undefined if it has none. */
export function windowField(json: unknown): Window | undefined {
  const window = field(json, 'window')
  if (window === undefined) return undefined
  const start = field(window, 'start')
  const end = field(window, 'end')
  if (typeof start !== 'number' || typeof end !== 'number') throw new Error('"window" has no start and end')
  return { start, end }
}

/** The parts that an answer comes from, if it lists them. */
export function partsField(body: unknown): { readonly parts?: readonly number[] } {
  return field(body, 'parts') === undefined ? {} : { parts: listField(body, 'parts').map(Number) }
}

/** The parts that come from standbys, if the answer names some. */
export function staleField(body: unknown): { readonly stale?: readonly number[] } {
  return field(body, 'stale') === undefined ? {} : { stale: listField(body, 'stale').map(Number) }
}

/** Why a stream of changes does not continue where the one before ended, if it states that. */
export function resetField(json: unknown): { readonly reset?: string } {
  return field(json, 'reset') === undefined ? {} : { reset: textField(json, 'reset') }
}

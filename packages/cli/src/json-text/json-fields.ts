/** A field's value as it stands in the text of an object. */
export interface FieldSpan {
  readonly start: number
  readonly end: number
}

const QUOTE = 34
const BACKSLASH = 92

/**
 * The places of the values of an object's own fields in its text, which `JSON.parse` has accepted as an object. Digits,
 * spacing and escapes that parsing loses are read there. If a name occurs twice, its last value counts, as in `JSON.parse`.
 */
export function fieldSpans(text: string): Map<string, FieldSpan> {
  const spans = new Map<string, FieldSpan>()
  let at = afterSpace(text, text.indexOf('{') + 1)
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = stringEnd(text, at)
    const name: string = JSON.parse(text.slice(at, nameEnd))
    const start = afterSpace(text, afterSpace(text, nameEnd) + 1)
    const end = valueEnd(text, start)
    spans.set(name, { start, end })
    at = afterSpace(text, end)
    if (text[at] === ',') at = afterSpace(text, at + 1)
  }
  return spans
}

/** The text of one field's value; undefined if the object does not have it. */
export function fieldText(text: string, name: string): string | undefined {
  const span = fieldSpans(text).get(name)
  return span === undefined ? undefined : text.slice(span.start, span.end)
}

function valueEnd(text: string, start: number): number {
  const first = text[start]
  if (first === '"') return stringEnd(text, start)
  if (first !== '{' && first !== '[') {
    let at = start
    while (at < text.length && !',}] \t\n\r'.includes(text.charAt(at))) at++
    return at
  }
  let depth = 0
  for (let at = start; ; at++) {
    const character = text[at]
    if (character === '"') at = stringEnd(text, at) - 1
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') {
      if (--depth === 0) return at + 1
    }
  }
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at++
  }
}

function afterSpace(text: string, start: number): number {
  let at = start
  while (' \t\n\r'.includes(text.charAt(at)) && at < text.length) at++
  return at
}

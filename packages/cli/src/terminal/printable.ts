import type { Io } from './io.ts'

/**
 * Characters that a terminal acts on instead of showing them: control characters (C0, DEL, C1), those that change the
 * direction of text, those that break lines, invisible ones (but not the joiners that many languages need), and halves of
 * surrogate pairs. A record that holds them could rename the window, move the cursor, or show something else than it holds.
 */
const UNPRINTABLE =
  /[\p{Cc}\u00ad\u061c\u115f\u1160\u3164\uffa0\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Cs}/gu

/** Text for one line on a terminal. Characters that would not be shown are escaped, as in JSON. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped)
}

/** As `printable`, for text of several lines that the program has put together. */
export function printableLines(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  )
}

/** A value as a line of JSON. For a pipe or a file it is unchanged; on a terminal it has more escapes, which mean the same. */
export function jsonLine(io: Pick<Io, 'stdout'>, value: unknown): string {
  return jsonText(io, JSON.stringify(value))
}

/** As `jsonLine`, for JSON that is text already. Between its tokens it may have white space, which is shown as spaces. */
export function jsonText(io: Pick<Io, 'stdout'>, json: string): string {
  const isTerminal = 'isTTY' in io.stdout && io.stdout.isTTY === true
  return isTerminal ? printable(json.replace(/[\t\n\r]/g, ' ')) : json
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escaped(character: string): string {
  const short = SHORT[character]
  if (short !== undefined) return short
  // A character above FFFF has one escape for each of its halves, as in JSON.
  return Array.from({ length: character.length }, (_, at) => {
    return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`
  }).join('')
}

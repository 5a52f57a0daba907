import { parseSync } from 'oxc-parser'
import type { SourceFile } from './parse-module.ts'

/** Words that prose here does without, each with what to write instead. */
const WORDS: readonly { readonly word: RegExp; readonly instead: string }[] = [
  { word: /\bwho(so)?ever\b/i, instead: 'whichever process, anyone who' },
  { word: /\banew\b/i, instead: 'again, from scratch' },
  { word: /\bmend(s|ed|ing)?\b/i, instead: 'fix, repair' },
  { word: /\b(is|are|was|were|be|been) told\b/i, instead: 'gets, receives, is notified' },
  {
    word: /(?<!there )\b(is|are|was|were) (no|none)\b(?! longer| more| less| earlier| later| larger| smaller)/i,
    instead: 'is not a, has no',
  },
  { word: /\bof (its|their|his|her) own\b/i, instead: 'its own' },
  { word: /\bnobody\b/i, instead: 'no one, no process' },
  { word: /\b(owe|owes|owed)\b/i, instead: 'must still' },
  { word: /\b(bury|buries|buried)\b/i, instead: 'send to the dead letters' },
  { word: /\blets? go\b/i, instead: 'release' },
]

/** Most texts have none of the words, which this finds out at once. */
const ANY_WORD = new RegExp(WORDS.map(({ word }) => word.source).join('|'), 'i')

/** Words that no name has, each with what to name instead. */
const NAME_WORDS: ReadonlyMap<string, string> = new Map([
  ...['anew', 'nobody', 'everybody', 'whoever', 'whence'].map((word) => [word, 'what it is'] as const),
  ...['ask', 'asks', 'asked', 'asking'].map((word) => [word, 'query, request'] as const),
  ...['tell', 'tells', 'told', 'telling', 'say', 'says', 'said'].map((word) => [word, 'report, output'] as const),
  ...['hear', 'hears', 'heard', 'heed'].map((word) => [word, 'receive, take'] as const),
  ...['mend', 'mends', 'mended'].map((word) => [word, 'fix'] as const),
  ...['owe', 'owes', 'owed', 'owing'].map((word) => [word, 'pending'] as const),
  ...['bury', 'buries', 'buried', 'burying'].map((word) => [word, 'send to the dead letters, fence'] as const),
  ['furthest', 'maximum'],
  ['honest', 'expected'],
  ['judge', 'classify'],
  ['verdict', 'result'],
  ['door', 'entry point'],
  ['doors', 'entry points'],
  ['elsewhere', 'which other place'],
])

/** A word that is found, and its line, counted from 1. */
export interface FoundWord {
  readonly line: number
  readonly word: string
  readonly instead: string
}

/** The words of the list in a Markdown text; code, and what it quotes, is not its prose. */
export function wordsIn(markdown: string): FoundWord[] {
  if (!ANY_WORD.test(markdown)) return []
  const blank = (text: string) => text.replace(/[^\n]/g, ' ')
  const prose = markdown
    .replace(/^```.*?^```$/gms, blank)
    .replace(/`[^`\n]*`/g, blank)
    .replace(/"[^"\n]*"/g, blank)
  return prose.split('\n').flatMap((text, index) =>
    WORDS.flatMap(({ word, instead }) => {
      const found = word.exec(text)
      return found === null ? [] : [{ line: index + 1, word: found[0], instead }]
    }),
  )
}

/** The words of the list in a name: `askPeer`, `ASKED_MAX` and `mend-lockfile` have one each. */
export function wordsInName(name: string): string[] {
  const words = name.split(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]/)
  return words.flatMap((word) => {
    const instead = NAME_WORDS.get(word.toLowerCase())
    return instead === undefined ? [] : [`${word} (instead: ${instead})`]
  })
}

/** The words of the list in the comments of a TypeScript file. */
export function wordsInComments({ path, text }: SourceFile): FoundWord[] {
  return parseSync(path, text).comments.flatMap(({ value, start }) => {
    const lineBefore = () => text.slice(0, start).split('\n').length - 1
    return wordsIn(value).map((found) => ({ ...found, line: lineBefore() + found.line }))
  })
}

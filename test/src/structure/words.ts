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

/** A word that is found, and its line, counted from 1. */
export interface FoundWord {
  readonly line: number
  readonly word: string
  readonly instead: string
}

/** The words of the list in a Markdown text; code, and what it quotes, is not its prose. */
export function wordsIn(markdown: string): FoundWord[] {
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

/** The words of the list in the comments of a TypeScript file. */
export function wordsInComments({ path, text }: SourceFile): FoundWord[] {
  return parseSync(path, text).comments.flatMap(({ value, start }) => {
    const before = text.slice(0, start).split('\n').length - 1
    return wordsIn(value).map((found) => ({ ...found, line: before + found.line }))
  })
}

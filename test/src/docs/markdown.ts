/** A fenced block of a Markdown file. */
export interface CodeBlock {
  readonly language: string
  /** What follows the language on the fence: `no-run`. */
  readonly marks: readonly string[]
  readonly code: string
  /** The line of its first line of code, counted from 1. */
  readonly line: number
}

export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = []
  for (const match of markdown.matchAll(/^```(\w*)([^\n]*)\n(.*?)^```$/gms)) {
    const line = markdown.slice(0, match.index).split('\n').length + 1
    const marks = (match[2] ?? '').split(' ').filter((mark) => mark !== '')
    blocks.push({ language: match[1] ?? '', marks, code: match[3] ?? '', line })
  }
  return blocks
}

/** What a relative link leads to. */
export interface RelativeLink {
  /** Empty if the link stays on its page. */
  readonly path: string
  /** What follows `#`; empty if the link leads to the whole page. */
  readonly anchor: string
}

export function relativeLinks(markdown: string): RelativeLink[] {
  const text = prose(markdown).replace(/`[^`\n]*`/g, '')
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor = ''] = target.split('#')
      return { path, anchor }
    })
}

/** The anchors of a Markdown file's headings, as GitHub makes them of their text. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = [...prose(markdown).matchAll(/^#+ (.*)$/gm)].map((match) => match[1] ?? '')
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\-_ ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

function prose(markdown: string): string {
  return markdown.replace(/^```.*?^```$/gms, '')
}

/** The rows of the first table under a heading, without its head: the text of each cell. */
export function tableRows(markdown: string, heading: string): string[][] {
  const section = markdown.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const lines = section.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** A test, or another check of a promise: its file, and its name. */
export interface NamedTest {
  readonly path: string
  readonly name: string
}

/** The tests that a text refers to: a file in backquotes, then one or more names in quotation marks. */
export function namedTests(text: string): NamedTest[] {
  return [...text.matchAll(/`([^`]+)`((?:,? *"[^"]+")+)/g)].flatMap(([, path = '', names = '']) =>
    Array.from(names.matchAll(/"([^"]+)"/g), ([, name = '']) => ({ path, name })),
  )
}

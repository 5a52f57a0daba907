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

/** Where a Markdown file's relative links lead: paths, without the part after `#`. */
export function relativeLinks(markdown: string): string[] {
  const prose = markdown.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '')
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
  return targets.filter((target) => !/^([a-z]+:|#)/.test(target)).map((target) => target.replace(/#.*$/, ''))
}

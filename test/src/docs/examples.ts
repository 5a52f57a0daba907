import { posix } from 'node:path'
import { type CodeBlock, codeBlocks } from './markdown.ts'

/** A page of the documents. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** A block of TypeScript of a page, as a file that is named after its place. */
export interface Example {
  readonly path: string
  readonly line: number
  readonly file: string
  /** The code of the block, whose imports of other blocks lead to their files. */
  readonly code: string
  readonly marks: readonly string[]
}

const GUIDE = 'docs/guide/README.md'

/** The pages of the path, in its order: those of the numbered list in the guide's README. */
export function pathPages(pages: readonly Page[]): Page[] {
  const guide = pages.find(({ path }) => path === GUIDE)?.text ?? ''
  const links = [...guide.matchAll(/^\d+\. \[[^\]]+\]\(([^)]+)\)/gm)].map((match) => match[1] ?? '')
  return links.flatMap((link) => pages.filter(({ path }) => path === posix.join(posix.dirname(GUIDE), link)))
}

/** The file name that a block begins with: it is that file for the blocks that may import it. */
export function nameOf({ code }: Pick<CodeBlock, 'code'>): string | undefined {
  return /^\/\/ (\S+\.ts)\n/.exec(code)?.[1]
}

/**
 * The TypeScript blocks of all pages. A block imports named blocks of the same page. On a page of the path it also imports those of
 * the pages before, and the latest of a name counts: so each page adds to the files of the reader.
 */
export function examplesOf(pages: readonly Page[]): Example[] {
  const path = pathPages(pages)
  const blocksOf = (page: Page) =>
    codeBlocks(page.text)
      .filter(({ language }) => language === 'ts')
      .map((block) => ({ ...block, file: fileOf(page.path, block.line) }))
  return pages.flatMap((page) => {
    const before = path.slice(0, Math.max(path.indexOf(page), 0))
    const blocks = blocksOf(page)
    // The latest first.
    const named = [...before.flatMap(blocksOf), ...blocks].reverse()
    return blocks.map(({ code, line, marks, file }) => ({
      path: page.path,
      line,
      file,
      marks,
      code: code.replace(/'\.\/([\w.-]+\.ts)'/g, (text, name) => {
        const found = named.find((other) => nameOf(other) === name)
        return found === undefined ? text : `'./${found.file}'`
      }),
    }))
  })
}

function fileOf(path: string, line: number): string {
  return `${`${path}:${line}`.replace(/[^a-z0-9]+/gi, '-').toLowerCase()}.ts`
}

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** One edit of a file: the text from `start` to `end` is replaced. */
export interface Mutation {
  /** From the top of the repository. */
  readonly path: string
  readonly start: number
  readonly end: number
  readonly by: string
}

/** The variable that carries the mutation to every process of a test, as JSON. */
export const MUTATION_VARIABLE = 'MILLRACE_MUTATION'

/** The mutated text of a file, by its path on this machine; undefined for every other file. */
export function plantedText(path: string): string | undefined {
  const planted = process.env[MUTATION_VARIABLE]
  if (planted === undefined) return undefined
  const mutation: Mutation = JSON.parse(planted)
  const target = fileURLToPath(new URL(`../../../${mutation.path}`, import.meta.url))
  if (path !== target) return undefined
  const text = readFileSync(target, 'utf8')
  return text.slice(0, mutation.start) + mutation.by + text.slice(mutation.end)
}

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** How an independent reader read a file. */
export interface DuckDbAnswer {
  readonly path: string
  readonly rows?: readonly unknown[]
  /** Why it did not read the file. A crash is a reason too. */
  readonly error?: string
}

/** Why DuckDB cannot be used on this machine; undefined if it can. */
export function whyNoDuckDb(): string | undefined {
  if (process.env['MILLRACE_DUCKDB'] !== undefined) return undefined
  return 'MILLRACE_DUCKDB does not name the folder of the package @duckdb/node-api'
}

/** Reads files with DuckDB, one after the other. Continues with the next file when DuckDB crashes. */
export async function readWithDuckDb(paths: readonly string[]): Promise<DuckDbAnswer[]> {
  const answers: DuckDbAnswer[] = []
  while (answers.length < paths.length) {
    const left = paths.slice(answers.length)
    answers.push(...(await readUntilCrash(left)))
    const path = paths[answers.length]
    if (path !== undefined) answers.push({ path, error: 'DuckDB crashed' })
  }
  return answers
}

async function readUntilCrash(paths: readonly string[]): Promise<DuckDbAnswer[]> {
  const script = fileURLToPath(new URL('read-with-duckdb.ts', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'ignore'] })
  child.stdin.on('error', () => undefined)
  child.stdin.end(`${paths.join('\n')}\n`)
  const answers: DuckDbAnswer[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    answers.push(JSON.parse(line, (_, value) => (value === '\u0000-0' ? -0 : value)))
  }
  return answers
}

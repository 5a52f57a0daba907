import type { Env } from '@millrace/core'
import { readFile } from './read-file.ts'

/** Tables are never changed after they are written; all other files may change. */
const TABLE = /\.(ldb|sst)$/
/** The other files of a database, besides its tables. Its lock and its log of messages are not copied. */
const OTHER = /^(\d+\.log|MANIFEST-\d+|CURRENT)$/

/**
 * Copies the files of a LevelDB into a new directory, the tables as hard links if the disk supports them. If the LevelDB is
 * written meanwhile, the copy may not open, or may be an earlier state. Throws the errors of the files.
 */
export function copyFiles(env: Env, from: string, to: string): void {
  env.files.makeDirectory(to)
  for (const name of env.files.list(from)) {
    if (TABLE.test(name)) linkOrCopy(env, `${from}/${name}`, `${to}/${name}`)
    else if (OTHER.test(name)) copy(env, `${from}/${name}`, `${to}/${name}`)
  }
}

function linkOrCopy(env: Env, from: string, to: string): void {
  try {
    env.files.link(from, to)
  } catch {
    // Another file system, or one without hard links. After any other error, the copy fails too and reports it.
    copy(env, from, to)
  }
}

function copy(env: Env, from: string, to: string): void {
  const bytes = readFile(env, from)
  const file = env.files.open(to, 'create')
  try {
    file.write(bytes, 0, bytes.length, 0)
  } finally {
    file.close()
  }
}

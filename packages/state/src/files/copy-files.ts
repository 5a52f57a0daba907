import type { Env } from '@millrace/core'
import { readFile } from './read-file.ts'

/** Tables are never changed once they are written; all other files may be. */
const TABLE = /\.(ldb|sst)$/
/** What a database is made of beside its tables. Its lock and its log of messages are its own. */
const OTHER = /^(\d+\.log|MANIFEST-\d+|CURRENT)$/

/**
 * Copies the files of a LevelDB into a directory that is new, the tables as hard links where the disk can. If it is written
 * meanwhile, the copy may be one that does not open, or an earlier state. Throws what the files throw.
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
    // Another file system, or one without hard links; what else is wrong, the copy says too.
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

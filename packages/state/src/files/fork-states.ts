import type { Env } from '@millrace/core'
import { checkFiles } from './check-files.ts'
import { copyFiles } from './copy-files.ts'

/**
 * Copies the local states of all jobs in a directory into a new one, the tables as hard links if the disk supports them. Processes may
 * write to the states meanwhile. A state whose files did not fit together in the copy is left out: its task restores it from
 * the changelog. So copy the states before the log: a state must not be further than its changelog.
 */
export async function forkStates(env: Env, from: string, to: string): Promise<void> {
  const { files } = env
  files.makeDirectory(to)
  if (files.stat(from) === undefined) return
  for (const job of directoriesIn(env, from)) {
    for (const task of directoriesIn(env, `${from}/${job}`)) {
      const copy = `${to}/${job}/${task}`
      if (!(await copyWhole(env, `${from}/${job}/${task}`, copy))) files.removeTree(copy)
    }
  }
}

async function copyWhole(env: Env, from: string, to: string): Promise<boolean> {
  try {
    copyFiles(env, from, to)
  } catch {
    // A table was replaced meanwhile. After any other error, the fork of the log fails too, and reports it.
    return false
  }
  return (await checkFiles(env, to, 'names')) === undefined
}

/** Without the copies that queries of stopped jobs make there. */
function directoriesIn({ files }: Env, directory: string): string[] {
  return files
    .list(directory)
    .filter((name) => !name.startsWith('.') && files.stat(`${directory}/${name}`)?.directory === true)
}

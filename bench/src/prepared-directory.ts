import { existsSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(new URL('../.cache', import.meta.url))

/** A directory that is made once, by `make`, and kept beside the benchmarks. */
export async function preparedDirectory(name: string, make: (directory: string) => Promise<void>): Promise<string> {
  const directory = `${CACHE}/${name}`
  if (existsSync(directory)) return directory
  const making = `${directory}.${process.pid}`
  rmSync(making, { recursive: true, force: true })
  await make(making)
  try {
    renameSync(making, directory)
  } catch (error) {
    // Another process may have made it first.
    if (!existsSync(directory)) throw error
    rmSync(making, { recursive: true })
  }
  return directory
}

import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A new data directory for one run, which is removed after the run. It shares `topics` of another data directory, which are
 * only read.
 */
export async function withRunDirectory<T>(
  shared: { readonly from: string; readonly topics: readonly string[] } | undefined,
  act: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    mkdirSync(`${directory}/topics`)
    mkdirSync(`${directory}/state`)
    for (const topic of shared?.topics ?? []) {
      symlinkSync(`${shared?.from}/topics/${topic}`, `${directory}/topics/${topic}`)
    }
    return await act(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

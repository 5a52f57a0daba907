import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { badInput } from './input-error.ts'
import type { Io } from './terminal/io.ts'
import { printable } from './terminal/printable.ts'

/** What users other than the owner may do. */
const OTHERS = 0o077

/**
 * Removes the access of other users from a data directory of this user, and reports that on stderr. A directory that was
 * made by hand, or copied, may be open to them. Throws `BAD_INPUT` if such a directory holds something else: Millrace must
 * not close it.
 */
export function protectData(io: Io, data: string): void {
  const directory = resolve(data)
  const uid = process.getuid?.()
  const found = statSync(directory, { throwIfNoEntry: false })
  // The directory has another owner, or is not a directory. Opening it reports that.
  if (uid === undefined || !found?.isDirectory() || found.uid !== uid || (found.mode & OTHERS) === 0) return
  const mode = `mode 0${(found.mode & 0o777).toString(8)}`
  if (!existsSync(join(directory, 'millrace.json')) && readdirSync(directory).length > 0) {
    throw badInput(
      `Directory ${directory} is not a data directory: it has other files, and is open to other users (${mode}). Choose an empty or new ` +
        'directory with --data',
    )
  }
  chmodSync(directory, found.mode & 0o700)
  io.stderr.write(
    `note: Data directory ${printable(directory)} was open to other users (${mode}). Now only you can open it (mode 0700)\n`,
  )
}

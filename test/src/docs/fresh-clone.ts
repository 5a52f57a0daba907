import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repository } from '../structure/source-files.ts'

const top = fileURLToPath(repository)

/**
 * The repository's files in a folder outside it, as after `git clone && npm ci`. The workspaces are those of the copy; all other
 * modules are those that are installed here.
 */
export class FreshClone implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'millrace-clone-'))

  constructor() {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: top })
    for (const file of listed.toString().split('\0')) {
      if (file === '') continue
      mkdirSync(dirname(join(this.path, file)), { recursive: true })
      // A deleted file is still listed until the deletion is committed.
      cpSync(join(top, file), join(this.path, file), { force: true, errorOnExist: false })
    }
    this.#install('node_modules')
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }

  #install(folder: string): void {
    mkdirSync(join(this.path, folder), { recursive: true })
    for (const entry of readdirSync(join(top, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.name === '.cache') continue
      if (entry.name.startsWith('@') || entry.name === '.bin') this.#install(path)
      // Links lead to workspaces, and from .bin to commands. They are relative, so in the copy they lead to the copy's own files.
      else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(join(top, path)), join(this.path, path))
      else symlinkSync(join(top, path), join(this.path, path))
    }
  }
}

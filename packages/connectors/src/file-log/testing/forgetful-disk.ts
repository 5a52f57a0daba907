import type { Env, FileSystem, OpenFile, OpenMode } from '@millrace/core'
import { changedFile } from './changed-file.ts'

/** The bytes of a file on the disk, and those that are only in the page cache. */
class Pages {
  durable = Buffer.alloc(0)
  dirty: { readonly from: number; readonly to: number }[] = []
  lengthDirty = false
  /** How many of its syncs have failed. */
  failures = 0

  sync(content: OpenFile): void {
    const size = this.lengthDirty ? content.size() : this.durable.length
    const durable = Buffer.alloc(size)
    this.durable.copy(durable)
    for (const { from, to } of this.dirty) {
      if (from < size) content.read(durable, from, Math.min(to, size) - from, from)
    }
    this.durable = durable
    this.forget()
  }

  /** Takes all bytes for written, although they are not. */
  forget(): void {
    this.dirty = []
    this.lengthDirty = false
  }
}

/**
 * A disk whose syncs can fail as those of Linux do: the kernel takes the bytes for written, although they never will be, and
 * reports the failure once through each file that is open then. A power cut loses everything that no sync has made durable;
 * names are always durable.
 */
export class ForgetfulDisk {
  readonly #env: Env
  readonly #pages = new Map<string, Pages>()
  #failing: ((path: string) => boolean) | undefined
  #boots = 0

  constructor(env: Env) {
    this.#env = env
  }

  /** The environment of a process of the present boot. */
  get env(): Env {
    return { ...this.#env, files: this.#files() }
  }

  /** Makes the next sync of a file with such a path fail. */
  failSync(of: (path: string) => boolean): void {
    this.#failing = of
  }

  /** Files that are open now must not be used any more. */
  cutPower(): void {
    this.#boots++
    for (const [path, pages] of this.#pages) {
      pages.forget()
      const file = this.#env.files.open(path, 'write')
      file.truncate(0)
      file.write(pages.durable, 0, pages.durable.length, 0)
      file.close()
    }
  }

  #files(): FileSystem {
    const { files } = this.#env
    return {
      boot: `${files.boot} ${this.#boots}`,
      open: (path, mode) => this.#open(path, mode),
      makeDirectory: (path) => files.makeDirectory(path),
      list: (path) => files.list(path),
      stat: (path) => files.stat(path),
      space: (path) => files.space(path),
      rename: (from, to) => {
        files.rename(from, to)
        // A directory's files move with it.
        for (const [path, pages] of [...this.#pages]) {
          if (path !== from && !path.startsWith(`${from}/`)) continue
          this.#pages.delete(path)
          this.#pages.set(`${to}${path.slice(from.length)}`, pages)
        }
      },
      link: (path, name) => {
        files.link(path, name)
        const pages = this.#pages.get(path)
        if (pages !== undefined) this.#pages.set(name, pages)
      },
      remove: (path) => {
        files.remove(path)
        this.#pages.delete(path)
      },
      removeTree: (path) => {
        files.removeTree(path)
        for (const each of [...this.#pages.keys()]) {
          if (each === path || each.startsWith(`${path}/`)) this.#pages.delete(each)
        }
      },
      syncDirectory: async () => undefined,
      watch: (path, changed) => files.watch(path, changed),
    }
  }

  #open(path: string, mode: OpenMode): OpenFile {
    const file = this.#env.files.open(path, mode)
    const pages = this.#pages.get(path) ?? new Pages()
    this.#pages.set(path, pages)
    let failuresReported = pages.failures
    return changedFile(file, {
      write: (buffer, offset, length, position) => {
        pages.lengthDirty ||= position + length > file.size()
        file.write(buffer, offset, length, position)
        pages.dirty.push({ from: position, to: position + length })
      },
      truncate: (bytes) => {
        pages.lengthDirty ||= bytes !== file.size()
        file.truncate(bytes)
      },
      sync: async () => {
        if (this.#failing?.(path) === true) {
          this.#failing = undefined
          pages.failures++
          pages.forget()
        } else {
          pages.sync(file)
        }
        if (pages.failures === failuresReported) return
        failuresReported = pages.failures
        throw Object.assign(new Error(`EIO: fdatasync ${path}`), { code: 'EIO' })
      },
    })
  }
}

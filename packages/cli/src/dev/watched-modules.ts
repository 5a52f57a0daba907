import { createHash } from 'node:crypto'
import { existsSync, type FSWatcher, readFileSync, realpathSync, watch } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { findModuleFiles } from '../artefact/module-graph.ts'

/** An editor writes a file in several steps, and a formatter or a version control system many files. */
const SETTLE_MS = 50
const CODE = /\.([cm]?[jt]s|json)$/

/**
 * A job file and all that it imports, watched for changes. Folders are watched and not files: an editor may replace a file, and an
 * import that is missing may be created. Installed packages are not watched.
 */
export class WatchedModules {
  readonly #path: string
  readonly #changed: (files: readonly string[]) => void
  readonly #watchers = new Map<string, FSWatcher>()
  /** The checksum of each file when it was last looked at; undefined if it did not exist. */
  #files = new Map<string, string | undefined>()
  /** The files that have changed since. */
  readonly #touched = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #isBroken = false

  /** `changed` gets the files with new contents. */
  constructor(path: string, changed: (files: readonly string[]) => void) {
    this.#path = path
    this.#changed = changed
  }

  /** The files that are watched, the job file first. */
  get files(): readonly string[] {
    return [...this.#files.keys()]
  }

  /** Looks at what the job file imports now. To be called before the file is loaded. */
  async look(): Promise<void> {
    const entry = existsSync(this.#path) ? realpathSync(this.#path) : this.#path
    // Before they are searched: a change from now on is another version.
    this.#watch([entry])
    const found = new Set([entry, ...(existsSync(entry) ? await findModuleFiles(entry, projectOf(entry)) : [])])
    // A file with an error may hide what it imports.
    if (this.#isBroken) for (const path of this.#files.keys()) found.add(path)
    this.#files = new Map([...found].map((path) => [path, checksumOf(path)]))
    this.#watch([...found])
  }

  /** Whether the version that was looked at cannot be loaded. Then any file of code beside the files may correct it. */
  set broken(isBroken: boolean) {
    this.#isBroken = isBroken
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #watch(paths: readonly string[]): void {
    const folders = new Set(paths.map((path) => dirname(path)))
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder) || paths.length === 1) continue
      watcher.close()
      this.#watchers.delete(folder)
    }
    for (const folder of folders) {
      if (this.#watchers.has(folder) || !existsSync(folder)) continue
      const watcher = watch(folder, (_, name) => this.#see(folder, name))
      // The folder was removed.
      watcher.on('error', () => this.#watchers.delete(folder))
      this.#watchers.set(folder, watcher)
    }
  }

  #see(folder: string, name: string | null): void {
    const path = name === null ? undefined : join(folder, name)
    if (path === undefined) for (const each of this.#files.keys()) this.#touched.add(each)
    else if (this.#files.has(path) || (this.#isBroken && CODE.test(path))) this.#touched.add(path)
    if (this.#touched.size === 0) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#report(), SETTLE_MS)
  }

  #report(): void {
    const changed = [...this.#touched].filter((path) => checksumOf(path) !== this.#files.get(path))
    this.#touched.clear()
    for (const path of changed) this.#files.set(path, checksumOf(path))
    if (changed.length > 0) this.#changed(changed)
  }
}

function projectOf(entry: string): string {
  try {
    return dirname(findPackageJSON(pathToFileURL(entry)) ?? entry)
  } catch {
    // The loading reports what is wrong with the package.json.
    return dirname(entry)
  }
}

function checksumOf(path: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('base64')
  } catch {
    return undefined
  }
}

import type { Env, LogLevel, LogLine, OpenFile } from '@millrace/core'
import { isValidName } from '@millrace/core/internal'

/** A file of this size is closed, and a new one begins. */
const FILE_BYTES_MAX = 8 * 1024 * 1024
/** So many closed files of a job are kept: with the present one, 32 MiB. */
const CLOSED_FILES_MAX = 3
/** A longer line is cut. */
const LINE_CHARACTERS_MAX = 16 * 1024

/** The log files of jobs: for each job, what its containers print, and what the node did with them. */
export class ContainerLogs {
  readonly #env: Pick<Env, 'files' | 'clock'>
  readonly #directory: string
  readonly #files = new Map<string, { readonly file: OpenFile; bytes: number }>()
  readonly #listeners = new Map<string, Set<(line: LogLine) => void>>()

  /** `directory`: where the log files are; it is made when a line is printed. */
  constructor(env: Pick<Env, 'files' | 'clock'>, directory: string) {
    this.#env = env
    this.#directory = directory
  }

  /** Appends a line to the log of a job. If the disk is full, the line is lost: a job does not stop for it. */
  print(job: string, container: string, level: LogLevel, text: string): void {
    const line = { atMs: this.#env.clock.now(), container, level, text: text.slice(0, LINE_CHARACTERS_MAX) }
    for (const listener of this.#listeners.get(job) ?? []) listener(line)
    try {
      this.#append(job, Buffer.from(`${JSON.stringify(line)}\n`))
    } catch {
      this.#close(job)
    }
  }

  /** The last lines of a job, at most `count`, oldest first. */
  last(job: string, count: number): readonly LogLine[] {
    const lines: LogLine[] = []
    for (const path of this.#paths(job)) {
      if (lines.length >= count) break
      lines.unshift(...this.#read(path).slice(-(count - lines.length)))
    }
    return lines
  }

  /** Whether a job has ever printed anything here. */
  has(job: string): boolean {
    return isValidName(job) && this.#paths(job).length > 0
  }

  /** Calls `listener` with each later line of a job, until the returned function is called. */
  follow(job: string, listener: (line: LogLine) => void): () => void {
    const listeners = this.#listeners.get(job) ?? new Set()
    this.#listeners.set(job, listeners)
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  /** Deletes the log of a job. */
  remove(job: string): void {
    this.#close(job)
    this.#env.files.removeTree(this.#folder(job))
  }

  /** Closes the files. */
  close(): void {
    for (const job of [...this.#files.keys()]) this.#close(job)
  }

  #append(job: string, bytes: Buffer): void {
    let open = this.#files.get(job)
    if (open !== undefined && open.bytes + bytes.length > FILE_BYTES_MAX) {
      this.#rotate(job)
      open = undefined
    }
    if (open === undefined) {
      this.#env.files.makeDirectory(this.#folder(job))
      const file = this.#env.files.open(this.#path(job, 0), 'write')
      open = { file, bytes: file.size() }
      this.#files.set(job, open)
      // A crash may have cut off the last line. An empty line is skipped.
      if (open.bytes > 0) this.#append(job, Buffer.from('\n'))
    }
    open.file.write(bytes, 0, bytes.length, open.bytes)
    open.bytes += bytes.length
  }

  #rotate(job: string): void {
    this.#close(job)
    const { files } = this.#env
    files.remove(this.#path(job, CLOSED_FILES_MAX))
    for (let number = CLOSED_FILES_MAX - 1; number >= 0; number--) {
      const path = this.#path(job, number)
      if (files.stat(path) !== undefined) files.rename(path, this.#path(job, number + 1))
    }
  }

  #close(job: string): void {
    this.#files.get(job)?.file.close()
    this.#files.delete(job)
  }

  /** The log files of a job that exist, newest first. */
  #paths(job: string): string[] {
    const numbers = Array.from({ length: CLOSED_FILES_MAX + 1 }, (_, number) => number)
    return numbers.map((number) => this.#path(job, number)).filter((path) => this.#env.files.stat(path) !== undefined)
  }

  #read(path: string): LogLine[] {
    const file = this.#env.files.open(path, 'read')
    try {
      const bytes = Buffer.alloc(file.size())
      const length = file.read(bytes, 0, bytes.length, 0)
      return bytes.toString('utf8', 0, length).split('\n').flatMap(lineOf)
    } finally {
      file.close()
    }
  }

  #folder(job: string): string {
    return `${this.#directory}/${job}`
  }

  #path(job: string, number: number): string {
    return `${this.#folder(job)}/${number === 0 ? 'log' : `log.${number}`}.ndjson`
  }
}

/** A line of a log file; none for the rest of a line that a crash cut off. */
function lineOf(text: string): LogLine[] {
  try {
    const line: unknown = JSON.parse(text)
    return isLine(line) ? [line] : []
  } catch {
    return []
  }
}

function isLine(line: unknown): line is LogLine {
  return typeof line === 'object' && line !== null && 'atMs' in line && 'container' in line && 'text' in line
}

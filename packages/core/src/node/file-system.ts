import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
  watch,
  writeSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { tryLock, unlock } from 'fs-native-extensions'
import type { DiskSpace, FileStat, FileSystem, OpenFile, OpenMode } from '../contracts/env.ts'
import { bootId } from './boot.ts'

const fdatasyncAsync = promisify(fdatasync)
const fsyncAsync = promisify(fsync)

const FLAGS: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR | constants.O_CREAT,
  update: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
}

/** A lock is usually free again within some 100 microseconds: so many turns of the event loop take longer. */
const LOCK_TURNS = 20
/** How often a lock that is held for long is looked at. */
const LOCK_LOOK_MS_MAX = 20

/** The real disk. */
export function nodeFileSystem(): FileSystem {
  return {
    boot: bootId(),
    open: (path, mode) => new NodeFile(path, openSync(path, FLAGS[mode], 0o600)),
    makeDirectory,
    list: (path) => readdirSync(path).sort(),
    stat: statFile,
    space: diskSpace,
    rename: renameSync,
    link: linkSync,
    remove: removeFile,
    removeTree: (path) => rmSync(path, { recursive: true, force: true }),
    syncDirectory,
    watch: (path, changed) => {
      const watcher = watch(path, { persistent: false }, changed)
      // Removing a watched file ends the watch. A caller that waits for a change also waits for a time-out.
      watcher.on('error', changed)
      return watcher
    },
  }
}

/**
 * Makes a directory, and those above it that are missing. It does not use Node's own `recursive`, which never returns on a
 * file system that answers ENOENT although the directory above exists, as /proc does.
 */
function makeDirectory(path: string): void {
  const missing: string[] = []
  let at = resolve(path)
  while (statSync(at, { throwIfNoEntry: false }) === undefined) {
    missing.push(at)
    at = dirname(at)
  }
  if (missing.length === 0) missing.push(at)
  // Below a file, each of them fails as the last one does.
  if (!isDirectory(at)) missing.splice(1)
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each, { mode: 0o700 })
    } catch (error) {
      // It was there, or another process made it a moment ago.
      if (!isDirectory(each)) throw error
    }
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function diskSpace(path: string): DiskSpace | undefined {
  try {
    const { bavail, blocks, bsize } = statfsSync(path)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch {
    // Some file systems do not state it, and nothing may be at the path.
    return undefined
  }
}

function statFile(path: string): FileStat | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  const { size: bytes, mtimeMs: modifiedMs, uid, nlink: links } = stat
  return { bytes, directory: stat.isDirectory(), modifiedMs, uid, links }
}

function removeFile(path: string): void {
  try {
    // Errors of rmSync do not contain their code.
    unlinkSync(path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory; its file systems journal names themselves.
  if (process.platform === 'win32') return
  const fd = openSync(path, constants.O_RDONLY)
  try {
    await fsyncAsync(fd)
  } finally {
    closeSync(fd)
  }
}

/** A file of this process. Once it is closed, the kernel may reuse its number: it must not be used again. */
class NodeFile implements OpenFile {
  readonly path: string
  readonly #number: number
  /** Calls in another thread, which may not have begun yet. The number stays taken until they end. */
  #pending = 0
  #closed = false

  constructor(path: string, fd: number) {
    this.path = path
    this.#number = fd
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): number {
    return readSync(this.#fd, buffer, offset, length, position)
  }

  write(buffer: Uint8Array, offset: number, length: number, position: number): void {
    let written = 0
    // A full disk first shows as a short count without an error; the next call fails with ENOSPC.
    while (written < length) {
      written += writeSync(this.#fd, buffer, offset + written, length - written, position + written)
    }
  }

  truncate(bytes: number): void {
    ftruncateSync(this.#fd, bytes)
  }

  size(): number {
    return fstatSync(this.#fd).size
  }

  async sync(): Promise<void> {
    await this.#pendingCall(fdatasyncAsync(this.#fd))
  }

  tryLock(): boolean {
    return tryLock(this.#fd)
  }

  async lock(): Promise<void> {
    // The kernel could wait too, in another thread. But then the lock would be held from that moment until this thread gets to
    // run the caller's code, and for as long as the process is stopped if it is stopped before that.
    for (let tries = 0; !this.tryLock(); tries++) await lookAgain(tries)
  }

  isLocked(): boolean {
    if (!tryLock(this.#fd, { shared: true })) return true
    unlock(this.#fd)
    return false
  }

  unlock(): void {
    unlock(this.#fd)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#pending === 0) closeSync(this.#number)
  }

  get #fd(): number {
    if (!this.#closed) return this.#number
    throw Object.assign(new Error(`EBADF: ${this.path} is closed`), { code: 'EBADF' })
  }

  async #pendingCall(call: Promise<void>): Promise<void> {
    this.#pending++
    try {
      await call
    } finally {
      this.#pending--
      if (this.#closed && this.#pending === 0) closeSync(this.#number)
    }
  }
}

/** Waits for another turn of the event loop, and after many tries for some time. */
function lookAgain(tries: number): Promise<void> {
  return new Promise((resolve) => {
    if (tries < LOCK_TURNS) setImmediate(resolve)
    else setTimeout(resolve, Math.min(2 ** (tries - LOCK_TURNS), LOCK_LOOK_MS_MAX))
  })
}

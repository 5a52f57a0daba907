/**
 * The outside world, as all code except the adapter sees it. Only the adapter reads `Date`, `Math.random` or `node:fs`, so
 * that a seeded simulation can run the real code. `@millrace/core/node` is the adapter for Node.
 */
export interface Env {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly files: FileSystem
  readonly heartbeats: Heartbeats
}

/** The wall clock, and a clock that never goes back. */
export interface Clock {
  /** Wall-clock time, ms since the epoch; may jump forward or back. */
  now(): number
  /** Time that never goes back, ms with fractions, from an arbitrary start. */
  monotonic(): number
}

/** A call that is due later. */
export interface Timer {
  /** Prevents the call. After the call, it does nothing. */
  cancel(): void
}

/** Calls that are due later. */
export interface Timers {
  /** Calls `callback` once, `delayMs` from now, unless cancelled. A pending timer keeps the process alive. */
  after(delayMs: number, callback: () => void): Timer
  /** Resolves after everything else that is ready (I/O, queries, timers) has run. */
  turn(): Promise<void>
}

/** Shows other processes that this process runs, whatever its code is doing. */
export interface Heartbeats {
  /**
   * Increments a counter in a file every `intervalMs`, from when the file exists: 8 bytes at its start, a big-endian double.
   * The counter keeps moving while a callback holds the thread of the caller, and stands still when the process is stopped or
   * dead. Resolves when the counting has begun. Counting does not keep the process alive. `failed` is called once if the
   * counting ends before `stop`.
   */
  start(path: string, intervalMs: number, failed: (error: unknown) => void): Promise<Heartbeat>
}

/** A counter that shows that this process runs. */
export interface Heartbeat {
  /** Ends the counting. The file stays. */
  stop(): void
}

/** Random numbers and ids. The numbers of `next` are not for secrets. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** A fresh RFC 9562 version 4 UUID. */
  uuid(): string
}

/** Reading; reading and writing; the same for a file that must exist; the same for a file that must not exist yet. */
export type OpenMode = 'read' | 'write' | 'update' | 'create'

/**
 * The file operations that a log needs. The page cache answers synchronous calls in microseconds. A call that waits for the
 * disk returns a promise. Errors are Node's own, with `code`, `path` and `syscall`.
 */
export interface FileSystem {
  /**
   * Identifies the present boot of the machine. Data that was written in another boot and not synced may be lost. Empty if
   * the platform does not report it.
   */
  readonly boot: string
  /**
   * `write` creates the file if it is missing, and never truncates it. New files have mode 0600. Throws `ENOENT`, and for
   * `create` `EEXIST`.
   */
  open(path: string, mode: OpenMode): OpenFile
  /** Creates the directory and its parents, with mode 0700. Content that is already there stays. */
  makeDirectory(path: string): void
  /** Names in the directory, in byte order. Throws `ENOENT` if the directory does not exist. */
  list(path: string): string[]
  /** What is at a path; undefined if nothing is there. */
  stat(path: string): FileStat | undefined
  /** How much room the disk of a path has; undefined if that is not known, or nothing is at the path. */
  space(path: string): DiskSpace | undefined
  /** Gives a file or directory another name. A file that has this name already is replaced in one step. */
  rename(from: string, to: string): void
  /** Gives a file a second name. Throws `EXDEV` on another file system, and other codes if hard links are not supported. */
  link(path: string, name: string): void
  /** Removes a file. A file that does not exist is not an error. */
  remove(path: string): void
  /** Removes a directory and everything in it. A directory that does not exist is not an error. */
  removeTree(path: string): void
  /** Makes created, renamed and removed names in the directory survive a power cut. */
  syncDirectory(path: string): Promise<void>
  /** Calls `changed` soon after any process changes the file's content. Calls may be merged. */
  watch(path: string, changed: () => void): Watcher
}

/** How much room a disk has, bytes. */
export interface DiskSpace {
  /** What this process may still write. */
  readonly freeBytes: number
  readonly totalBytes: number
}

/** What the file system knows about a file or directory. */
export interface FileStat {
  /** The size, in bytes. */
  readonly bytes: number
  /** Whether it is a directory. */
  readonly directory: boolean
  /** When its content was last changed, ms since the epoch. */
  readonly modifiedMs: number
  /** The owner's user id; -1 if the platform has none. */
  readonly uid: number
  /** How many names the file has; 0 if the platform does not report it. */
  readonly links: number
}

/** A watch on a file. */
export interface Watcher {
  /** Ends the watch. */
  close(): void
}

/** An open file. Positions and lengths are bytes. After `close`, every other call fails with `EBADF`. */
export interface OpenFile {
  readonly path: string
  /** Reads up to `length` bytes at `position` into `buffer` from `offset`; returns how many there were. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): number
  /**
   * Writes all of `buffer[offset, offset + length)` at `position`. When the disk is full, Node may write less and report no
   * error: the adapter continues until everything is written or a call fails with the reason. After an error any prefix may
   * be there.
   */
  write(buffer: Uint8Array, offset: number, length: number, position: number): void
  /** Sets the length: cuts the end off, or appends zeros. */
  truncate(bytes: number): void
  /** The length, in bytes. */
  size(): number
  /** Makes content and length survive a power cut. A failure is fatal to the caller: never call it again. */
  sync(): Promise<void>
  /**
   * Takes the advisory lock of the whole file if it is free. The lock belongs to this open file (not to the process),
   * and the kernel frees it when the process dies.
   */
  tryLock(): boolean
  /** Waits for the lock. It is taken when the caller continues, and not before: no caller holds it without running. */
  lock(): Promise<void>
  /**
   * Whether another open file holds the lock. Processes that look at the same time, or are stopped while they look, are not
   * taken for holders by one another. The caller must not hold the lock itself.
   */
  isLocked(): boolean
  /** Releases the lock. */
  unlock(): void
  close(): void
}

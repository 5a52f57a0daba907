import type { OpenFile, OpenMode } from '@millrace/core'
import { DiskError } from './disk-error.ts'
import type { LockHolder } from './file-lock.ts'
import type { FileNode } from './file-node.ts'
import type { Kernel } from './kernel.ts'
import { syncDelayMs } from './sync-delay.ts'

/** The longest time until the kernel wakes a file that waits for a lock. */
const LOCK_DELAY_MS_MAX = 0.2

/** A file as one process has it open. */
export class SimulatedFile implements OpenFile, LockHolder {
  readonly path: string
  readonly #kernel: Kernel
  readonly #node: FileNode
  readonly #writable: boolean
  readonly #closed: (file: SimulatedFile) => void
  #open = true
  /** How many failed syncs of the file it has reported. Those before it was opened count as reported. */
  #failuresReported: number
  /** Waits for the lock. */
  #wanted: PromiseWithResolvers<void> | undefined

  constructor(kernel: Kernel, node: FileNode, path: string, mode: OpenMode, closed: (file: SimulatedFile) => void) {
    this.path = path
    this.#kernel = kernel
    this.#node = node
    this.#writable = mode !== 'read'
    this.#failuresReported = node.syncFailures
    this.#closed = closed
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): number {
    this.#check('read')
    return this.#node.read(buffer, offset, Math.min(length, buffer.length - offset), position)
  }

  write(buffer: Uint8Array, offset: number, length: number, position: number): void {
    if (length === 0) return
    this.#check('write', this.#writable)
    const { disk, random } = this.#kernel
    const bytes = buffer.subarray(offset, offset + length)
    // A process that dies, or a full disk, leaves a part of the write.
    const writePart = () => disk.write(this.#node, bytes.subarray(0, random.below(length + 1)), position)
    const failure = this.#kernel.enter('write', this.path, writePart)
    if (failure !== undefined) {
      writePart()
      throw new DiskError(failure, 'write', this.path)
    }
    disk.write(this.#node, bytes, position)
  }

  truncate(bytes: number): void {
    this.#check('ftruncate', this.#writable, 'EINVAL')
    const act = () => this.#kernel.disk.truncate(this.#node, bytes)
    const failure = this.#kernel.enter('truncate', this.path, act)
    if (failure !== undefined) throw new DiskError(failure, 'ftruncate', this.path)
    act()
  }

  size(): number {
    this.#check('fstat')
    return this.#node.length
  }

  async sync(): Promise<void> {
    this.#check('fdatasync')
    const kernel = this.#kernel
    const node = this.#node
    const { change } = kernel.disk
    const failure = kernel.enter('sync', this.path, () => undefined)
    const synced = Promise.withResolvers<void>()
    node.beginSync(change)
    kernel.complete(syncDelayMs(kernel.random), 'sync', () => {
      if (failure === undefined) node.endSync(change)
      else node.failSync(change, kernel.random.chance(0.5))
      // Linux reports a failed sync through every file that was open then (errseq_t): this one may report another file's.
      const unreported = node.syncFailures > this.#failuresReported
      this.#failuresReported = node.syncFailures
      kernel.deliver(0, 'sync', () => {
        if (unreported) synced.reject(new DiskError(failure ?? 'EIO', 'fdatasync', this.path))
        else synced.resolve()
      })
    })
    return synced.promise
  }

  tryLock(): boolean {
    this.#check('fcntl', this.#writable)
    return this.#node.lock.tryTake(this)
  }

  async lock(): Promise<void> {
    this.#check('fcntl', this.#writable)
    this.#wanted ??= Promise.withResolvers()
    this.lockFreed()
    return this.#wanted.promise
  }

  isLocked(): boolean {
    this.#check('fcntl')
    return this.#node.lock.isTakenBeside(this)
  }

  unlock(): void {
    this.#check('fcntl')
    this.#node.lock.free(this)
  }

  close(): void {
    this.#check('close')
    this.discard()
    this.#closed(this)
  }

  /** Tries to take the lock again, after a delay. */
  lockFreed(): void {
    const { random } = this.#kernel
    this.#kernel.deliver(random.between(0, LOCK_DELAY_MS_MAX), 'lock', () => {
      if (!this.#open || this.#wanted === undefined) return
      if (this.#node.lock.tryTake(this)) {
        this.#wanted.resolve()
        this.#wanted = undefined
      } else {
        this.#node.lock.wait(this)
      }
    })
  }

  /** Closes the file without a report, as the kernel does when the process has died. */
  discard(): void {
    this.#open = false
    this.#node.lock.free(this)
  }

  #check(syscall: string, allowed = true, code: 'EBADF' | 'EINVAL' = 'EBADF'): void {
    this.#kernel.check()
    if (!this.#open) throw new DiskError('EBADF', syscall, this.path)
    if (!allowed) throw new DiskError(code, syscall, this.path)
  }
}

import type { FileStat, FileSystem, OpenFile, OpenMode, Watcher } from '@millrace/core'
import { DiskError } from './disk-error.ts'
import type { DiskCall } from './faults.ts'
import type { Kernel } from './kernel.ts'
import { SimulatedFile } from './simulated-file.ts'
import { syncDelayMs } from './sync-delay.ts'

/** The longest delay of a watch; it reports what changes meanwhile too. */
const WATCH_DELAY_MS_MAX = 2

/** The file system as one process sees it. */
export class SimulatedFiles implements FileSystem {
  readonly boot: string
  readonly #kernel: Kernel
  readonly #open = new Set<SimulatedFile>()
  readonly #watchers = new Set<Watcher>()

  constructor(kernel: Kernel, boot: string) {
    this.#kernel = kernel
    this.boot = boot
  }

  open(path: string, mode: OpenMode): OpenFile {
    const open = () => this.#kernel.disk.openFile(path, mode)
    const node = this.#act('open', 'open', path, open)
    const file = new SimulatedFile(this.#kernel, node, path, mode, (closed) => this.#open.delete(closed))
    this.#open.add(file)
    return file
  }

  makeDirectory(path: string): void {
    this.#act('makeDirectory', 'mkdir', path, () => this.#kernel.disk.makeDirectory(path))
  }

  list(path: string): string[] {
    this.#kernel.check()
    return [...this.#kernel.disk.directory(path, 'scandir').names.keys()].sort()
  }

  stat(path: string): FileStat | undefined {
    this.#kernel.check()
    const node = this.#kernel.disk.find(path)
    if (node === undefined) return undefined
    const bytes = node.kind === 'file' ? node.length : 4096
    return { bytes, directory: node.kind === 'directory', modifiedMs: node.modifiedMs, uid: -1, links: 0 }
  }

  /** The simulated disk has no size: it is full when a fault says so. */
  space(): undefined {
    return undefined
  }

  rename(from: string, to: string): void {
    this.#act('rename', 'rename', from, () => this.#kernel.disk.rename(from, to), to)
  }

  link(path: string, name: string): void {
    this.#act('rename', 'link', path, () => this.#kernel.disk.link(path, name), name)
  }

  remove(path: string): void {
    this.#act('remove', 'rm', path, () => this.#kernel.disk.remove(path))
  }

  removeTree(path: string): void {
    this.#kernel.check()
    for (const each of this.#kernel.disk.treeOf(path)) {
      this.#act('remove', 'rm', each, () => this.#kernel.disk.removeName(each))
    }
  }

  async syncDirectory(path: string): Promise<void> {
    const kernel = this.#kernel
    kernel.check()
    const directory = kernel.disk.directory(path, 'open')
    const { change } = kernel.disk
    const failure = kernel.enter('syncDirectory', path, () => undefined)
    const synced = Promise.withResolvers<void>()
    kernel.complete(syncDelayMs(kernel.random), 'sync', () => {
      if (failure === undefined) kernel.disk.syncNames(directory, change)
      kernel.deliver(0, 'sync', () => {
        if (failure === undefined) synced.resolve()
        else synced.reject(new DiskError(failure, 'fsync', path))
      })
    })
    return synced.promise
  }

  watch(path: string, changed: () => void): Watcher {
    const kernel = this.#kernel
    const node = this.#act('watch', 'watch', path, () => kernel.disk.find(path))
    if (node === undefined) throw new DiskError('ENOENT', 'watch', path)
    let notified = true
    let open = true
    const notice = () => {
      if (!notified) return
      notified = false
      kernel.deliver(kernel.random.between(0, WATCH_DELAY_MS_MAX), 'watch', () => {
        notified = true
        if (open) changed()
      })
    }
    const watcher = {
      close: () => {
        open = false
        node.watchers.remove(notice)
        this.#watchers.delete(watcher)
      },
    }
    node.watchers.add(notice)
    this.#watchers.add(watcher)
    return watcher
  }

  /** Closes everything, as the kernel does when the process has died. */
  discard(): void {
    for (const file of this.#open) file.discard()
    this.#open.clear()
    for (const watcher of this.#watchers) watcher.close()
  }

  #act<T>(call: DiskCall, syscall: string, path: string, act: () => T, dest?: string): T {
    const failure = this.#kernel.enter(call, path, act)
    if (failure !== undefined) throw new DiskError(failure, syscall, path, dest)
    return act()
  }
}

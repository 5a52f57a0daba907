import type { OpenMode } from '@millrace/core'
import { DirectoryNode, type DiskNode } from './directory-node.ts'
import { DiskError } from './disk-error.ts'
import { FileNode } from './file-node.ts'
import { NameJournal } from './name-journal.ts'
import type { SeededRandom } from './seeded-random.ts'

/** A name's place: the directory that holds it, and what it refers to there, if anything. */
interface Place {
  readonly directory: DirectoryNode
  readonly name: string
  readonly node: DiskNode | undefined
}

/**
 * A disk with the kernel's caches in front of it. Paths are absolute. Processes see changes at once. `sync` makes changes
 * durable; all others may or may not survive a power cut.
 */
export class Disk {
  readonly #nowMs: () => number
  readonly #journal = new NameJournal()
  #root: DirectoryNode
  /** Counts every change, so that a sync knows which were made before it. */
  #change = 0

  /** `nowMs`: the wall clock, for times of modification. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
    this.#root = new DirectoryNode(nowMs())
  }

  /** The last change that was made. */
  get change(): number {
    return this.#change
  }

  openFile(path: string, mode: OpenMode): FileNode {
    const place = this.#place(path, 'open')
    if (place.node !== undefined && mode === 'create') throw new DiskError('EEXIST', 'open', path)
    if (place.node?.kind === 'directory') throw new DiskError('EISDIR', 'open', path)
    if (place.node !== undefined) return place.node
    if (mode === 'read' || mode === 'update') throw new DiskError('ENOENT', 'open', path)
    const node = new FileNode(this.#nowMs())
    this.#rename([{ ...place, node }])
    return node
  }

  /** Makes a directory and those above it. */
  makeDirectory(path: string): void {
    let directory = this.#root
    const parts = partsOf(path)
    for (const [index, name] of parts.entries()) {
      let node = directory.names.get(name)
      if (node?.kind === 'file') throw new DiskError(index === parts.length - 1 ? 'EEXIST' : 'ENOTDIR', 'mkdir', path)
      if (node === undefined) {
        node = new DirectoryNode(this.#nowMs())
        this.#rename([{ directory, name, node }])
      }
      directory = node
    }
  }

  /** What the path refers to; undefined if there is nothing. */
  find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.#root
    for (const name of partsOf(path)) {
      if (node?.kind !== 'directory') return undefined
      node = node.names.get(name)
    }
    return node
  }

  directory(path: string, syscall: string): DirectoryNode {
    return this.#place(`${path}/.`, syscall, undefined, path).directory
  }

  rename(from: string, to: string): void {
    const source = this.#place(from, 'rename', to)
    const target = this.#place(to, 'rename', to, from)
    const { node } = source
    const over = target.node
    if (node === undefined) throw new DiskError('ENOENT', 'rename', from, to)
    if (over === node) return
    if (`${from}/`.startsWith(`${to}/`)) throw new DiskError('ENOTEMPTY', 'rename', from, to)
    if (node.kind === 'directory' && `${to}/`.startsWith(`${from}/`)) throw new DiskError('EINVAL', 'rename', from, to)
    if (over?.kind === 'directory') {
      if (node.kind === 'file') throw new DiskError('EISDIR', 'rename', from, to)
      if (over.names.size > 0) throw new DiskError('ENOTEMPTY', 'rename', from, to)
    } else if (over !== undefined && node.kind === 'directory') {
      throw new DiskError('ENOTDIR', 'rename', from, to)
    }
    this.#rename([
      { ...source, node: undefined },
      { ...target, node },
    ])
    node.watchers.notify()
    over?.watchers.notify()
  }

  /** Gives a file a second name. */
  link(path: string, name: string): void {
    const { node } = this.#place(path, 'link', name)
    const target = this.#place(name, 'link', name, path)
    if (node === undefined) throw new DiskError('ENOENT', 'link', path, name)
    if (node.kind === 'directory') throw new DiskError('EPERM', 'link', path, name)
    if (target.node !== undefined) throw new DiskError('EEXIST', 'link', path, name)
    this.#rename([{ ...target, node }])
  }

  /** Removes a file's name; a process that has it open keeps it. */
  remove(path: string): void {
    const place = this.#existing(path)
    if (place?.node === undefined) return
    if (place.node.kind === 'directory') throw new DiskError('EISDIR', 'unlink', path)
    this.#remove(place, place.node)
  }

  /** The paths of a tree, each one before its parent. */
  treeOf(path: string): string[] {
    const node = this.find(path)
    if (node === undefined) return []
    if (node.kind === 'file') return [path]
    return [...[...node.names.keys()].sort().flatMap((name) => this.treeOf(`${path}/${name}`)), path]
  }

  /** Removes a file's name, or that of an empty directory. */
  removeName(path: string): void {
    const place = this.#existing(path)
    if (place?.node !== undefined) this.#remove(place, place.node)
  }

  write(node: FileNode, bytes: Uint8Array, position: number): void {
    node.write(bytes, position, ++this.#change)
    this.#modified(node)
  }

  truncate(node: FileNode, bytes: number): void {
    node.truncate(bytes, ++this.#change)
    this.#modified(node)
  }

  syncNames(directory: DirectoryNode, change: number): void {
    this.#journal.sync(directory, change)
  }

  /** Loses a tree for good, as if its disk broke. A process that has files of it open still sees them. */
  wipe(path: string): void {
    const place = this.#existing(path)
    if (place !== undefined) this.#journal.wipe(place.directory, place.name)
  }

  /** Keeps or loses everything that was not synced, at random; locks and watches are removed. */
  powerCut(random: SeededRandom): void {
    // With an even chance for each change, a power cut would hardly ever lose everything, or one thing alone.
    const survival = random.chance(0.2) ? 0 : random.chance(0.2) ? 1 : random.next()
    this.#journal.powerCut(random, survival)
    const visit = (directory: DirectoryNode): void => {
      directory.powerCut()
      directory.watchers.reset()
      for (const node of directory.names.values()) {
        if (node.kind === 'directory') visit(node)
        else {
          node.powerCut(random, survival)
          node.lock.reset()
          node.watchers.reset()
        }
      }
    }
    visit(this.#root)
  }

  #remove(place: Place, node: DiskNode): void {
    this.#rename([{ ...place, node: undefined }])
    node.watchers.notify()
  }

  #rename(names: readonly Place[]): void {
    this.#journal.add(++this.#change, names)
    for (const { directory } of names) this.#modified(directory)
  }

  #modified(node: DiskNode): void {
    node.modifiedMs = this.#nowMs()
    node.watchers.notify()
  }

  /** Where a path is or would be; its directory must exist. */
  #place(path: string, syscall: string, dest?: string, source?: string): Place {
    const parts = partsOf(path)
    const name = parts.pop()
    const shown = source ?? path
    if (name === undefined) throw new DiskError('EISDIR', syscall, shown, dest)
    let directory: DiskNode | undefined = this.#root
    for (const part of parts) {
      directory = directory.names.get(part)
      if (directory === undefined) throw new DiskError('ENOENT', syscall, shown, dest)
      if (directory.kind === 'file') throw new DiskError('ENOTDIR', syscall, shown, dest)
    }
    return { directory, name, node: directory.names.get(name) }
  }

  /** Where a path is; undefined if a part of it is missing. */
  #existing(path: string): Place | undefined {
    try {
      return this.#place(path, 'lstat')
    } catch (error) {
      if (error instanceof DiskError && error.code === 'ENOENT') return undefined
      throw error
    }
  }
}

function partsOf(path: string): string[] {
  if (!path.startsWith('/')) throw new TypeError(`the simulated disk has absolute paths only, not ${path}`)
  return path.split('/').filter((part) => part !== '')
}

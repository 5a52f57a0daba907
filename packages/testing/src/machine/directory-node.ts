import type { FileNode } from './file-node.ts'
import { Watchers } from './watchers.ts'

/** What a name refers to. */
export type DiskNode = FileNode | DirectoryNode

/** A directory's names twice: as every process sees them, and as they are on the disk. */
export class DirectoryNode {
  readonly kind = 'directory'
  readonly watchers = new Watchers()
  readonly names = new Map<string, DiskNode>()
  readonly durableNames = new Map<string, DiskNode>()
  modifiedMs: number

  constructor(nowMs: number) {
    this.modifiedMs = nowMs
  }

  /** Makes every process see what is on the disk. */
  powerCut(): void {
    this.names.clear()
    for (const [name, node] of this.durableNames) this.names.set(name, node)
  }
}

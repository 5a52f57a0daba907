import type { Env } from '@millrace/core'
import { BackupTarget } from './backup-target.ts'

/** Copies a whole file to a new one. If the file system can, the two share their blocks until one of them is changed. */
export type CloneFile = (from: string, to: string) => void

/** The directory of a fork. A fork does not survive its process, so nothing in it has to survive a power cut. */
export class ForkTarget extends BackupTarget {
  readonly clone: CloneFile

  constructor(env: Env, directory: string, clone: CloneFile) {
    super(env, directory)
    this.clone = clone
  }

  override async copy(from: string, to: string, limit?: number): Promise<void> {
    this.clone(from, to)
    if (limit === undefined) return
    const file = this.env.files.open(to, 'update')
    try {
      // Others have appended since the cut.
      if (file.size() > limit) file.truncate(limit)
    } finally {
      file.close()
    }
  }

  override async syncFile(): Promise<void> {}

  override async syncNames(): Promise<void> {}

  override async write(directory: string, name: string, text: string): Promise<void> {
    const file = this.env.files.open(`${directory}/${name}`, 'create')
    try {
      const bytes = Buffer.from(text)
      file.write(bytes, 0, bytes.length, 0)
    } finally {
      file.close()
    }
  }
}

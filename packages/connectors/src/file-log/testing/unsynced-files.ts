import type { Env } from '@millrace/core'
import { changedFile } from './changed-file.ts'

/** An environment whose file system syncs nothing: for tests that write much and never lose power. */
export function withoutSyncs(env: Env): Env {
  const { files } = env
  return {
    ...env,
    files: {
      boot: files.boot,
      open: (path, mode) => changedFile(files.open(path, mode), { sync: async () => undefined }),
      makeDirectory: (path) => files.makeDirectory(path),
      list: (path) => files.list(path),
      stat: (path) => files.stat(path),
      space: (path) => files.space(path),
      rename: (from, to) => files.rename(from, to),
      link: (path, name) => files.link(path, name),
      remove: (path) => files.remove(path),
      removeTree: (path) => files.removeTree(path),
      syncDirectory: async () => undefined,
      watch: (path, changed) => files.watch(path, changed),
    },
  }
}

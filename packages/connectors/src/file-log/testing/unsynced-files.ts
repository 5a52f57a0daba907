import type { Env, OpenFile } from '@millrace/core'

/** An environment whose file system syncs nothing: for tests that write much and never lose power. */
export function withoutSyncs(env: Env): Env {
  const { files } = env
  return {
    ...env,
    files: {
      boot: files.boot,
      open: (path, mode) => withoutSync(files.open(path, mode)),
      makeDirectory: (path) => files.makeDirectory(path),
      list: (path) => files.list(path),
      stat: (path) => files.stat(path),
      rename: (from, to) => files.rename(from, to),
      link: (path, name) => files.link(path, name),
      remove: (path) => files.remove(path),
      removeTree: (path) => files.removeTree(path),
      syncDirectory: async () => undefined,
      watch: (path, changed) => files.watch(path, changed),
    },
  }
}

function withoutSync(file: OpenFile): OpenFile {
  return {
    path: file.path,
    read: (buffer, offset, length, position) => file.read(buffer, offset, length, position),
    write: (buffer, offset, length, position) => file.write(buffer, offset, length, position),
    truncate: (bytes) => file.truncate(bytes),
    size: () => file.size(),
    sync: async () => undefined,
    tryLock: () => file.tryLock(),
    isLocked: () => file.isLocked(),
    lock: () => file.lock(),
    unlock: () => file.unlock(),
    close: () => file.close(),
  }
}

import type { Env, FileSystem, OpenFile } from '@millrace/core'
import { changedFile } from './changed-file.ts'

/** A call that changes the disk, as `FaultyFiles` counts it. */
export type DiskCall = 'open' | 'write' | 'truncate' | 'sync' | 'rename' | 'link' | 'remove' | 'syncDirectory'

/** Decides, for each call that changes the disk, whether it fails: with the file system's error code, or not. */
export type Fault = (call: DiskCall, path: string) => string | undefined

/**
 * An environment whose file system fails a call if `fault` returns an error code, before it does anything; a failed write
 * writes half of its bytes.
 */
export function withFaults(env: Env, fault: Fault): Env {
  const check = (call: DiskCall, path: string) => {
    const code = fault(call, path)
    if (code !== undefined) throw Object.assign(new Error(`${code}: ${call} ${path}`), { code })
  }
  return { ...env, files: faultyFiles(env.files, check) }
}

function faultyFiles(files: FileSystem, check: (call: DiskCall, path: string) => void): FileSystem {
  return {
    boot: files.boot,
    open: (path, mode) => {
      if (mode !== 'read') check('open', path)
      return faultyFile(files.open(path, mode), check)
    },
    makeDirectory: (path) => files.makeDirectory(path),
    list: (path) => files.list(path),
    stat: (path) => files.stat(path),
    space: (path) => files.space(path),
    rename: (from, to) => {
      check('rename', to)
      files.rename(from, to)
    },
    link: (path, name) => {
      check('link', name)
      files.link(path, name)
    },
    remove: (path) => {
      check('remove', path)
      files.remove(path)
    },
    removeTree: (path) => files.removeTree(path),
    syncDirectory: async (path) => {
      check('syncDirectory', path)
      await files.syncDirectory(path)
    },
    watch: (path, changed) => files.watch(path, changed),
  }
}

function faultyFile(file: OpenFile, check: (call: DiskCall, path: string) => void): OpenFile {
  return changedFile(file, {
    write: (buffer, offset, length, position) => {
      try {
        check('write', file.path)
      } catch (error) {
        file.write(buffer, offset, Math.floor(length / 2), position)
        throw error
      }
      file.write(buffer, offset, length, position)
    },
    truncate: (bytes) => {
      check('truncate', file.path)
      file.truncate(bytes)
    },
    sync: async () => {
      check('sync', file.path)
      await file.sync()
    },
  })
}

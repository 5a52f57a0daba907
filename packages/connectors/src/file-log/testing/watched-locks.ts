import type { Env, OpenFile } from '@millrace/core'
import { changedFile } from './changed-file.ts'

/** How long the locks of files were held, and what their holders did meanwhile that may take any time. */
export interface WatchedLocks {
  readonly env: Env
  /** ms, one for each time that a lock was held. */
  readonly heldMs: number[]
  /** The calls that a holder waited for, and locks that were held over a turn of the event loop. */
  readonly waits: string[]
}

/** An environment that watches the locks of the files that `isWatched` accepts. */
export function watchLocks(env: Env, isWatched: (path: string) => boolean): WatchedLocks {
  const heldMs: number[] = []
  const waits: string[] = []
  const held = new Map<OpenFile, { readonly path: string; readonly sinceMs: number }>()
  const waitFor = (call: string) => {
    for (const { path } of held.values()) waits.push(`${call} under the lock of ${path}`)
  }
  const open = (file: OpenFile): OpenFile => {
    const taken = () => {
      const holding = { path: file.path, sinceMs: performance.now() }
      held.set(file, holding)
      setImmediate(() => {
        if (held.get(file) === holding) waits.push(`a turn of the event loop under the lock of ${file.path}`)
      })
    }
    const freed = () => {
      const holding = held.get(file)
      if (holding !== undefined) heldMs.push(performance.now() - holding.sinceMs)
      held.delete(file)
    }
    const watched = isWatched(file.path)
    return changedFile(file, {
      sync: () => {
        waitFor(`a sync of ${file.path}`)
        return file.sync()
      },
      tryLock: () => {
        const locked = file.tryLock()
        if (locked && watched) taken()
        return locked
      },
      lock: async () => {
        await file.lock()
        if (watched) taken()
      },
      unlock: () => {
        freed()
        file.unlock()
      },
      close: () => {
        freed()
        file.close()
      },
    })
  }
  const files = {
    ...env.files,
    open: (...args: Parameters<Env['files']['open']>) => open(env.files.open(...args)),
    syncDirectory: (path: string) => {
      waitFor(`a sync of ${path}`)
      return env.files.syncDirectory(path)
    },
  }
  return { env: { ...env, files }, heldMs, waits }
}

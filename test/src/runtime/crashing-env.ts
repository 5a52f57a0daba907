import type { Env } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'

/** An environment in which, from the call that changes the disk and crashes on, no call changes anything. */
export function crashingEnv(crashes: () => boolean): Env {
  const env = nodeEnv()
  const { files } = env
  let crashed = false
  const check = () => {
    crashed ||= crashes()
    if (crashed) throw Object.assign(new Error('EIO: the process has crashed'), { code: 'EIO' })
  }
  return {
    ...env,
    files: {
      ...files,
      open: (path, mode) => {
        if (mode !== 'read') check()
        return files.open(path, mode)
      },
      makeDirectory: (path) => {
        check()
        files.makeDirectory(path)
      },
      link: (path, name) => {
        check()
        files.link(path, name)
      },
      rename: (from, to) => {
        check()
        files.rename(from, to)
      },
      remove: (path) => {
        check()
        files.remove(path)
      },
      removeTree: (path) => {
        check()
        files.removeTree(path)
      },
      syncDirectory: async (path) => {
        check()
        await files.syncDirectory(path)
      },
    },
  }
}

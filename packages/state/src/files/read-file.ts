import type { Env } from '@millrace/core'

/** The whole content of a file. */
export function readFile(env: Env, path: string): Buffer {
  const file = env.files.open(path, 'read')
  try {
    const bytes = Buffer.allocUnsafe(file.size())
    let at = 0
    while (at < bytes.length) {
      const read = file.read(bytes, at, bytes.length - at, at)
      if (read === 0) throw new Error('it became shorter')
      at += read
    }
    return bytes
  } finally {
    file.close()
  }
}

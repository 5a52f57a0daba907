import { type Env, type OpenFile, RefusedError } from '@millrace/core'

/** Makes a process the only node of a directory, until it calls the returned function or dies. Throws `NODE_RUNNING`. */
export function lockNode({ files }: Pick<Env, 'files'>, directory: string): () => void {
  files.makeDirectory(directory)
  const path = `${directory}/lock`
  const file = files.open(path, 'write')
  if (!file.tryLock()) {
    const owner = ownerIn(file)
    file.close()
    throw new RefusedError(
      'NODE_RUNNING',
      `A node already runs in ${directory}${owner === '' ? '' : ` (process ${owner})`}. Use it, or stop it first ("millrace down")`,
      { file: path },
    )
  }
  signLock(file)
  return () => {
    file.unlock()
    file.close()
  }
}

function ownerIn(file: OpenFile): string {
  const bytes = Buffer.alloc(file.size())
  return bytes.toString('utf8', 0, file.read(bytes, 0, bytes.length, 0)).trim()
}

/** Names the owner, for messages only. */
function signLock(file: OpenFile): void {
  const owner = Buffer.from(`${process.pid}\n`)
  try {
    file.truncate(0)
    file.write(owner, 0, owner.length, 0)
  } catch {
    // On a full disk, the message lacks the owner. The lock is held all the same.
  }
}

import { type Claim, type FileSystem, type OpenFile, RefusedError } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { readText } from './data-directory.ts'
import { diskFailed } from './errors.ts'

/**
 * Claims a job's name for this process: an advisory lock that the kernel frees when the process dies. The file names the
 * owner for the message only.
 */
export function claimJob(files: FileSystem, data: string, job: string): Claim {
  checkName('job', job)
  const directory = `${data}/jobs`
  const path = `${directory}/${job}.lock`
  const file = openLock(files, directory, path)
  if (!file.tryLock()) {
    file.close()
    const owner = readText(files, path)?.trim()
    throw new RefusedError(
      'JOB_RUNNING',
      `The job ${job} is running already${owner ? ` (process ${owner})` : ''} in ${data}: stop it first, or run this one under another name`,
      { job, file: path },
    )
  }
  signLock(file)
  let released = false
  return {
    release: async () => {
      if (released) return
      released = true
      file.unlock()
      file.close()
    },
  }
}

function openLock(files: FileSystem, directory: string, path: string): OpenFile {
  try {
    files.makeDirectory(directory)
    return files.open(path, 'write')
  } catch (error) {
    throw diskFailed(path, error)
  }
}

function signLock(file: OpenFile): void {
  const owner = Buffer.from(`${process.pid}\n`)
  try {
    file.truncate(0)
    file.write(owner, 0, owner.length, 0)
  } catch {
    // A full disk takes the name from a message, not the lock from its owner.
  }
}

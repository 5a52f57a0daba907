import { type Claim, type Env, type FileSystem, type OpenFile, RefusedError } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { readText } from './data-directory.ts'
import { diskFailed } from './errors.ts'
import { GroupFiles } from './membership/group-files.ts'

/**
 * Claims a job's name for this process: an advisory lock that the kernel frees when the process dies. The file's content
 * names the owner, for the error message only.
 */
export async function claimJob(env: Env, data: string, job: string): Promise<Claim> {
  checkName('job', job)
  const { files } = env
  const directory = `${data}/jobs`
  const path = `${directory}/${job}.lock`
  const file = openLock(files, directory, path)
  if (!file.tryLock()) {
    file.close()
    throw jobRunning(files, data, job, path)
  }
  // A member that joins looks at the claim after the group names it.
  if (isShared(env, data, job, file)) {
    file.close()
    throw new RefusedError(
      'JOB_RUNNING',
      `Job ${job} already runs in ${data}, and this process cannot share it. Stop the other processes first, or run the job ` +
        `with the guarantee exactly-once`,
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

/** Whether a job's group is in use. The lock is released if that cannot be read. */
function isShared(env: Env, data: string, job: string, lock: OpenFile): boolean {
  try {
    return new GroupFiles(env, data, job).inUse
  } catch (error) {
    lock.close()
    throw error
  }
}

/** Throws `JOB_RUNNING` if a job's name is claimed. */
export function checkUnclaimed(files: FileSystem, data: string, job: string): void {
  const path = `${data}/jobs/${job}.lock`
  if (files.stat(path) === undefined) return
  const file = files.open(path, 'read')
  try {
    if (file.isLocked()) throw jobRunning(files, data, job, path)
  } finally {
    file.close()
  }
}

function jobRunning(files: FileSystem, data: string, job: string, path: string): RefusedError {
  const owner = readText(files, path)?.trim()
  return new RefusedError(
    'JOB_RUNNING',
    `Job ${job} already runs in ${data}${owner ? ` (process ${owner})` : ''}, and other processes cannot join it. Stop it first, ` +
      `or run your job under another name`,
    { job, file: path },
  )
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
    // On a full disk the message lacks the owner's name, but the owner keeps the lock.
  }
}

const MESSAGES = {
  EACCES: 'permission denied',
  EBADF: 'bad file descriptor',
  EDQUOT: 'disk quota exceeded',
  EEXIST: 'file already exists',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
} as const

/** The error codes that a simulated disk can answer with. */
export type DiskErrorCode = keyof typeof MESSAGES

/** An error as Node's file system throws it. */
export class DiskError extends Error {
  readonly code: DiskErrorCode
  readonly syscall: string
  readonly path: string
  readonly dest?: string

  constructor(code: DiskErrorCode, syscall: string, path: string, dest?: string) {
    super(`${code}: ${MESSAGES[code]}, ${syscall} '${path}'${dest === undefined ? '' : ` -> '${dest}'`}`)
    this.code = code
    this.syscall = syscall
    this.path = path
    if (dest !== undefined) this.dest = dest
  }
}

/** The error of every call of a process that has crashed: nothing that it does has an effect. */
export class ProcessCrashed extends Error {
  constructor(process: string) {
    super(`The simulated process ${process} has crashed: its code should have stopped`)
  }
}

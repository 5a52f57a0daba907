/** A call that a fault can be put into. A tree is removed by one `remove` for each name in it. */
export type DiskCall =
  | 'open'
  | 'makeDirectory'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'watch'
  | 'write'
  | 'truncate'
  | 'sync'

/**
 * What goes wrong with a call.
 *
 * A code: the call fails with it. A write leaves its first part. A sync makes nothing durable, and the kernel may forget what
 * it should have made durable, as Linux does: then a later sync that succeeds does not write it either. Every other handle of
 * the open file gets the error at its next sync.
 *
 * `crash`: the process dies instead of the call. `torn`: the process dies during the call; of a write, the first part was done,
 * and every other call was done completely.
 */
export type Fault = 'crash' | 'torn' | 'EACCES' | 'EDQUOT' | 'EIO' | 'EMFILE' | 'ENOSPC' | 'EROFS'

/** Decides before each call whether something goes wrong with it. */
export type FaultHook = (call: DiskCall, path: string, process: string) => Fault | undefined

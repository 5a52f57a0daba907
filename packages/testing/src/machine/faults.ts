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
 * A code: the call fails with it. A write leaves a part of itself, from its start. A sync makes nothing durable, and what
 * it should have made durable may be forgotten by the kernel, as Linux does: then a later sync that succeeds does not write
 * it either. Whoever else has the file open is told at its next sync.
 *
 * `crash`: the process dies in place of the call. `torn`: it dies in the midst of it; a part of a write, from its start,
 * was done, and of other calls everything.
 */
export type Fault = 'crash' | 'torn' | 'EACCES' | 'EDQUOT' | 'EIO' | 'EMFILE' | 'ENOSPC' | 'EROFS'

/** Decides before each call whether something goes wrong with it. */
export type FaultHook = (call: DiskCall, path: string, process: string) => Fault | undefined

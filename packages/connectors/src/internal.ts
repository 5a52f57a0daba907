export { type BackedUp, backUp } from './file-log/backup/back-up.ts'
export { type Forked, type ForkLogOptions, forkLog, requireDataDirectory } from './file-log/backup/fork-log.ts'
export { type Restored, restore } from './file-log/backup/restore.ts'
export { DATA_VERSION, dataVersionIn } from './file-log/data-directory.ts'
export { type DumpedBatch, type DumpedDamage, dumpPartition } from './file-log/inspect/dump-partition.ts'
export {
  findUsers,
  type GroupMember,
  isHeld,
  type LockFile,
  type LogUsers,
  type UndecidedTransaction,
  type WriterJournal,
} from './file-log/inspect/find-users.ts'
export type { OffsetRange, RepairPlan } from './file-log/inspect/plan-repair.ts'
export type { LogProblem, Severity } from './file-log/inspect/problem.ts'
export {
  inspectPartition,
  type Repaired,
  type ReplacedMarker,
  repairPartition,
} from './file-log/inspect/repair-partition.ts'
export { verifyCommits } from './file-log/inspect/verify-commits.ts'
export { type Verification, type Verified, verifyLog, verifyParts } from './file-log/inspect/verify-log.ts'
export { reservedBytes } from './file-log/writing/disk-reserve.ts'

export { type DumpedBatch, type DumpedDamage, dumpPartition } from './file-log/inspect/dump-partition.ts'
export type { LogProblem, Severity } from './file-log/inspect/problem.ts'
export { type Verification, type Verified, verifyLog } from './file-log/inspect/verify-log.ts'

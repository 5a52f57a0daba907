export type { JobStatus, TaskCounts, TaskStatus } from '@millrace/core'

export type { InputStatus, JobStatus, TaskCounts, TaskStatus } from '@millrace/core'

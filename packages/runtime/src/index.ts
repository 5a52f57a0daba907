export type { InputStatus, JobStatus, TaskCounts, TaskStatus } from './container/status.ts'
export type { ServedView, ViewCommit, ViewPart } from './views/served-view.ts'
export { startViewServer, type ViewServer, type ViewServerOptions } from './views/view-server.ts'

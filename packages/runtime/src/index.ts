export { type Container, startContainer } from './container/container.ts'
export { COMMIT_INTERVAL_MS, type ContainerOptions, IDLE_AFTER_MS } from './container/container-options.ts'
export type {
  JobChange,
  JobPlan,
  PlannedStore,
  PlannedTopic,
  PlanRefusal,
  Recomputation,
  SerdeChange,
  SettingChange,
  StepChange,
  StepChanges,
  StoreFate,
  TopicChange,
  TopicRole,
} from './plan/job-plan.ts'
export { type PlanOptions, planJob } from './plan/plan-job.ts'
export { countsFrom } from './plan/planned-stores.ts'
export { findTraces, type JobTraces, type ResetOptions, resetJob } from './reset-job.ts'
export {
  type Announcement,
  type JobServerOptions,
  type RunningJob,
  type RunOptions,
  runJob,
  type ServedJob,
} from './run-job.ts'
export { type KnownJob, knownJobs } from './stopped/stopped-jobs.ts'
export { openStoppedView, type StoppedView, type StoppedViewOptions } from './stopped/stopped-view.ts'
export type { RestoreProgress } from './task/changelog-follower.ts'
export type { Guarantee } from './task/outputs.ts'
export type {
  JobView,
  JobViewEntry,
  KeyedJobView,
  WindowedJobView,
  WindowedJobViewEntry,
} from './views/job-view.ts'
export type { ServedView, ViewCommit, ViewPart } from './views/served-view.ts'
export { startViewServer, type ViewServer, type ViewServerOptions } from './views/view-server.ts'

export { type Container, startContainer } from './container/container.ts'
export { COMMIT_INTERVAL_MS, type ContainerOptions, IDLE_AFTER_MS } from './container/container-options.ts'
export type { TlsCertificate } from './http/tls-certificate.ts'
export {
  type Artefact,
  type ArtefactFile,
  type ArtefactManifest,
  CODE_FILE,
  type ExternalPackage,
  MAP_FILE,
} from './node/artefacts/artefact.ts'
export {
  artefactDirectory,
  listArtefacts,
  readArtefact,
  removeArtefact,
  writeArtefact,
} from './node/artefacts/artefact-directory.ts'
export { type ArtefactParts, makeArtefact } from './node/artefacts/make-artefact.ts'
export { ARTEFACT_TRANSFER_BYTES_MAX, decodeArtefact, encodeArtefact } from './node/artefacts/transfer.ts'
export type {
  ContainerEnd,
  ContainerProcess,
  ContainerReport,
  ContainerSpec,
  StartContainer,
} from './node/container-process.ts'
export { readDeployments } from './node/deployments.ts'
export { type DeployRequest, Node, type NodeOptions } from './node/node.ts'
export {
  checkNodeServer,
  type NodeServer,
  type NodeServerChecks,
  type NodeServerOptions,
  startNodeServer,
} from './node/node-server.ts'
export { type PlanOptions, planJob } from './plan/plan-job.ts'
export { countsFrom } from './plan/planned-stores.ts'
export { planRescale, type RescaleOptions, type RescalePlan } from './rescale/plan-rescale.ts'
export { type RescaleHow, type RescaleResult, rescaleTopic } from './rescale/rescale-topic.ts'
export { findTraces, type JobTraces, type ResetOptions, resetJob } from './reset-job.ts'
export {
  type Announcement,
  type JobServerOptions,
  type RunningJob,
  type RunOptions,
  runJob,
  type ServedJob,
} from './run-job.ts'
export {
  type RestoreSavepointOptions,
  restoreSavepoint,
  resumeRestore,
} from './savepoints/restore-savepoint.ts'
export { rewind } from './savepoints/rewind.ts'
export { parseRewindPlace, type RewindPlace } from './savepoints/rewind-place.ts'
export type { RewindRequest } from './savepoints/rewind-plan.ts'
export { deleteSavepoint, listSavepoints, type SavepointsOptions, takeSavepoint } from './savepoints/savepoints.ts'
export { type KnownJob, knownJobs } from './stopped/stopped-jobs.ts'
export { openStoppedView, type StoppedView, type StoppedViewOptions } from './stopped/stopped-view.ts'
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

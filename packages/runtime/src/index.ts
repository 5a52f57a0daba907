export {
  COMMIT_INTERVAL_MS,
  type Container,
  type ContainerOptions,
  IDLE_AFTER_MS,
  startContainer,
} from './container/container.ts'
export type { RestoreProgress } from './task/restore.ts'
export type { ServedView, ViewCommit, ViewPart } from './views/served-view.ts'
export { startViewServer, type ViewServer, type ViewServerOptions } from './views/view-server.ts'

import type { Env, LogReader, Position } from '@millrace/core'
import type { Subtopology, Topology } from '@millrace/core/internal'
import type { LevelEngine } from '@millrace/state'
import type { Catalog } from '../catalog/catalog.ts'
import type { RestoreProgress } from './restore.ts'
import type { OutputTopics } from './task-outputs.ts'

/** What a task is made from. */
export interface TaskSpec extends OutputTopics {
  readonly topology: Topology
  readonly subtopology: Subtopology
  readonly partition: number
  /** How many tasks the subtopology has. */
  readonly tasks: number
  /** The container's: one for all its tasks. */
  readonly reader: LogReader
  /** Which stores the job has, and which incarnation of each. */
  readonly catalog: Catalog
  readonly env: Env
  /** Every source partition that the task's inputs may depend on, at 0. */
  readonly sources: Position
  readonly stateDirectory: string
  /** What a task with too many entries in memory says that it has changed, so that its container commits. */
  readonly dirtyBytesMax: number
  readonly engine: LevelEngine | undefined
  /** An input that has had nothing to read for so long stops holding back the watermark; infinite: silence says nothing. */
  readonly idleAfterMs: number
  /** Told how far a restore is, often. */
  readonly restoring: (progress: RestoreProgress) => void
  /** Told what the user should know: a store that was rebuilt, and why. */
  readonly notice: (message: string) => void
}

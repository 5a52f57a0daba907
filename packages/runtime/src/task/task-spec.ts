import type { Env, Log, LogReader, Position, RestoreProgress, TopicDescription } from '@millrace/core'
import type { RepartitionNode, Subtopology, Topology } from '@millrace/core/internal'
import type { LevelEngine } from '@millrace/state'
import type { Catalog } from '../catalog/catalog.ts'
import type { TaskOwners } from './closing.ts'
import type { Outputs } from './outputs.ts'
import type { Outside } from './outside.ts'

/** What a task is made from. */
export interface TaskSpec {
  readonly topology: Topology
  readonly subtopology: Subtopology
  readonly partition: number
  /** How many tasks the subtopology has. */
  readonly tasks: number
  readonly log: Log
  readonly env: Env
  /** Every topic that the plan names, including the job's own. */
  readonly topics: ReadonlyMap<string, TopicDescription>
  readonly repartitionTopic: (node: RepartitionNode) => string
  /** Every source partition that the task's inputs may depend on, at 0. */
  readonly sources: Position
  readonly stateDirectory: string
  /** The amount of changed state that a task reports when it has too many entries in memory, so that its container commits. */
  readonly dirtyBytesMax: number
  readonly engine: LevelEngine | undefined
  /**
   * An input that has had nothing to read for this long stops holding back the watermark; infinite: time alone never does
   * that.
   */
  readonly idleAfterMs: number
  readonly outside: Omit<Outside, 'secure'>
  /** Called often with how far a restore is. */
  readonly restoring: (progress: RestoreProgress) => void
  /** Called with what the user should know: a store that was rebuilt, and why. */
  readonly notice: (message: string) => void
}

/** What the tasks of a container work with while it is a member of its job's group. */
export interface TaskSession {
  readonly reader: LogReader
  /** Where the tasks append, and their container commits. */
  readonly outputs: Pick<Outputs, 'openPartition' | 'openOutput' | 'openGroup'>
  /** Which stores the job has, and which incarnation of each. */
  readonly catalog: Catalog
  /** Which process runs each task, for a run that closes windows at its end; undefined for any other. */
  readonly owners?: TaskOwners | undefined
}

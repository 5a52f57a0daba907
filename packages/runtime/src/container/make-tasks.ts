import type { Topology } from '@millrace/core/internal'
import { Task } from '../task/task.ts'
import { type ContainerOptions, DIRTY_BYTES_MAX, IDLE_AFTER_MS } from './container-options.ts'
import { type JobTopics, sourcesOf } from './topics.ts'

/** All tasks of a job, all of them closed. `wake`: called when one of them has something to do while the container may be at rest. */
export function makeTasks(
  options: ContainerOptions,
  topology: Topology,
  topics: JobTopics,
  wake: () => void,
): readonly Task[] {
  const { log, env, stateDirectory, untilEnd = false, dirtyBytesMax = DIRTY_BYTES_MAX } = options
  const { clock, timers, random } = env
  const { onNotice = () => undefined, onRestore = () => undefined } = options
  // A run to the end of what is there decides by positions: the same data gives the same answer, however slow the disk is.
  const idleAfterMs = untilEnd ? Number.POSITIVE_INFINITY : (options.idleAfterMs ?? IDLE_AFTER_MS)
  return topology.subtopologies.flatMap((subtopology) => {
    const tasks = topics.tasks.get(subtopology) ?? 0
    return Array.from(
      { length: tasks },
      (_, partition) =>
        new Task({
          topology,
          subtopology,
          partition,
          tasks,
          log,
          env,
          topics: topics.descriptions,
          repartitionTopic: topics.repartitionTopic,
          sources: sourcesOf(topology, topics, subtopology, partition),
          stateDirectory,
          dirtyBytesMax,
          engine: options.engine,
          idleAfterMs,
          outside: { clock, timers, random, wake },
          restoring: onRestore,
          notice: onNotice,
        }),
    )
  })
}

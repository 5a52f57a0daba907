import type { TopicDescription } from '@millrace/core'
import type { PlanNode, Subtopology, Topology } from '@millrace/core/internal'
import { anySerde } from '../operators/any-serde.ts'
import { GlobalInput } from './global-input.ts'
import type { InputSpec, RefuseRecord } from './input.ts'
import type { TaskSpec } from './task-spec.ts'

/** A partition that each task of a subtopology reads, and the store that keeps its rows. */
export interface GlobalPartition {
  readonly topic: string
  readonly partition: number
  readonly store: string
}

/** What the global tables of a task are connected to. */
export interface GlobalsWiring extends Pick<TaskSpec, 'topology' | 'subtopology' | 'partition' | 'tasks' | 'topics'> {
  /** A store's name with its incarnation. */
  readonly storeKey: (store: string) => string
}

/** The partitions of the global tables of a subtopology. */
export function globalPartitions(
  { globals }: Subtopology,
  topics: ReadonlyMap<string, TopicDescription>,
): readonly GlobalPartition[] {
  return globals.flatMap(({ topic, store }) =>
    Array.from({ length: topics.get(topic)?.partitions ?? 0 }, (_, partition) => ({
      topic,
      partition,
      store: store.name,
    })),
  )
}

/**
 * Makes the inputs of a task's global tables, by the node that reads each. Of a record that cannot be taken, one task counts and
 * appends it as the policies state, and the others skip it; if the policy is to fail, all of them do.
 */
export function makeGlobals(
  { topology, subtopology, topics, partition: task, tasks, storeKey }: GlobalsWiring,
  refuse: RefuseRecord,
): ReadonlyMap<PlanNode, readonly GlobalInput[]> {
  const partitions = globalPartitions(subtopology, topics)
  return new Map(
    subtopology.globals.map(({ topic, node, store }) => {
      const key = storeKey(store.name)
      const ofTable = partitions.filter((each) => each.store === store.name)
      const inputs = ofTable.map(({ partition }) => {
        const spec: InputSpec = {
          topic,
          partition,
          key: anySerde(node.topic.key),
          value: anySerde(node.topic.value),
          readsKey: true,
          readsValue: true,
        }
        const isOfTask = partition % tasks === task
        const refuseOnce: RefuseRecord = (error, batch) => {
          if (isOfTask || fails(topology, error.code)) refuse(error, batch)
        }
        return new GlobalInput(spec, key, topics.get(topic)?.id ?? '', refuseOnce)
      })
      return [node, inputs] as const
    }),
  )
}

function fails({ errors }: Topology, code: string): boolean {
  return (code === 'KEY_MISSING' ? errors.keyless : errors.undecodable) === 'fail'
}

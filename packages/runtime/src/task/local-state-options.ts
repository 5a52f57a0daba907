import { ownValue, storeKeyName } from '@millrace/core/internal'
import type { TaskStateOptions } from '@millrace/state'
import type { Catalog } from '../catalog/catalog.ts'
import { globalKey } from './global-key.ts'
import { globalPartitions } from './make-globals.ts'
import type { TaskSpec } from './task-spec.ts'

/** A task's id: `<subtopology>-<partition>`. */
export function taskId({ subtopology, partition }: Pick<TaskSpec, 'subtopology' | 'partition'>): string {
  return `${subtopology.id}-${partition}`
}

/** A store's name with its incarnation. */
export function storeKey({ stores }: Pick<Catalog, 'stores'>, name: string): string {
  return storeKeyName({ ...ownValue(stores, name), name })
}

/** What the local state of a task is opened with: by its owner, and by those that keep a standby. */
export function localStateOptions(spec: TaskSpec, catalog: Catalog): TaskStateOptions {
  const { topology, subtopology, topics, env, engine, stateDirectory, dirtyBytesMax } = spec
  const task = taskId(spec)
  return {
    directory: `${stateDirectory}/${topology.job}/${task}`,
    job: topology.job,
    task,
    stores: subtopology.stores.map((store) => ({
      ...store,
      incarnation: ownValue(catalog.stores, store.name)?.incarnation ?? 1,
    })),
    inputs: [
      ...subtopology.inputs.map((input) => input.topic),
      ...globalPartitions(subtopology, topics).map(({ topic, partition, store }) =>
        globalKey(topic, partition, storeKey(catalog, store)),
      ),
    ],
    env,
    dirtyBytesMax,
    ...(engine !== undefined && { engine }),
  }
}

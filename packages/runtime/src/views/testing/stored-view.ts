import { join } from 'node:path'
import type { RecordGroup, Serde } from '@millrace/core'
import { json, string } from '@millrace/core'
import type { TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { openTaskState } from '@millrace/state'
import { NEVER } from 'rxjs'
import type { ServedView } from '../served-view.ts'

const DROPPED: RecordGroup = {
  bytes: 0,
  room: Number.POSITIVE_INFINITY,
  endBatch: () => {},
  append: () => {},
  discard: () => {},
}

/** A view with string keys over one store on disk, as a container serves it. */
export interface StoredView extends AsyncDisposable {
  readonly view: ServedView
  /** Commits rows; `start` is their window's. */
  commit(rows: Iterable<{ readonly key: string; readonly start: number; readonly value: unknown }>): Promise<void>
}

export async function openStoredView(name: string, directory: string, windowMs: number): Promise<StoredView> {
  const shape = { kind: 'window', sizeMs: windowMs } as const
  const serdes = { key: string() as Serde<never>, value: json() as Serde<never> }
  const { state } = await openTaskState({
    directory: join(directory, name),
    job: 'job',
    task: 'flights-0',
    stores: [{ name, ...serdes, shape, timed: false }],
    inputs: ['flights'],
    env: nodeEnv(),
  })
  const part = {
    partition: 0,
    store: state.committed<unknown, unknown>(name),
    position: {},
    changes: NEVER,
    positions: NEVER,
  }
  const view = { name, key: string() as Serde<unknown>, value: json() as Serde<unknown>, shape, partitions: 1 }
  return {
    view: { ...view, completeFrom: {}, sources: {}, remoteOwners: [], parts: [part] },
    commit: (rows) => commit(state, name, rows),
    [Symbol.asyncDispose]: () => state.close(),
  }
}

async function commit(state: TaskState, name: string, rows: Parameters<StoredView['commit']>[0]): Promise<void> {
  const store = state.windowStore<string, unknown>(name)
  for (const { key, start, value } of rows) store.set(store.find(key, start), value)
  await state.apply(state.freeze(DROPPED, 0, new Map()), { nextOffset: 1, checksum: 1 })
}

import type { ChangesOptions, MillraceClient, ViewDescription, ViewEvent } from '@millrace/client'
import { RetriableError } from '@millrace/core'
import { amount } from '@millrace/core/internal'
import { merge, type Observable, tap } from 'rxjs'
import type { FoundEntry } from './found-entry.ts'
import { hasWindows } from './has-windows.ts'

/** A process of a job, and its description of a view. */
export interface ServingProcess {
  readonly client: MillraceClient
  readonly view: ViewDescription
}

/** The processes that together have all parts of a view. By their reports, they have each part once. */
export interface FollowedView {
  readonly view: ViewDescription
  readonly processes: readonly ServingProcess[]
}

/**
 * Chooses one process that has the whole view, or otherwise all processes that have some part of it. Throws
 * `VIEW_INCOMPLETE` if no process has some part.
 */
export function chooseProcesses(found: readonly [ServingProcess, ...ServingProcess[]]): FollowedView {
  const whole = found.find(({ view }) => view.parts.length >= view.partitions)
  if (whole !== undefined) return { view: whole.view, processes: [whole] }
  const [{ view }] = found
  const processes = found.filter(({ view: { parts } }) => parts.length > 0)
  const all = Array.from({ length: view.partitions }, (_, part) => part)
  const missing = all.filter((part) => !processes.some(({ view: { parts } }) => parts.includes(part)))
  if (missing.length > 0) throw partsMissing(view, missing)
  return { view, processes }
}

/** Which changes are followed: of one key, or of the keys with a prefix; of all if neither is given. */
export type FollowedKeys = Pick<ChangesOptions<unknown>, 'key' | 'prefix'>

/** The changes of all parts, as each process reports them. Fails with `VIEW_INCOMPLETE` if a part has moved meanwhile. */
export function changesOf(followed: FollowedView, keys: FollowedKeys = {}): Observable<ViewEvent<FoundEntry>> {
  const isPart = followed.processes.length > 1
  return merge(...followed.processes.map((process) => changesOfProcess(process, isPart, keys)))
}

function changesOfProcess(
  { client, view }: ServingProcess,
  isPart: boolean,
  keys: FollowedKeys,
): Observable<ViewEvent<FoundEntry>> {
  const { name, parts } = view
  const options = { ...keys, ...(isPart && { parts: 'here' as const }) }
  const changes: Observable<ViewEvent<FoundEntry>> = hasWindows(view)
    ? client.windowedView<unknown, unknown>(name).changes(options)
    : client.view<unknown, unknown>(name).changes(options)
  return changes.pipe(
    tap((event) => {
      if (isPart && event.kind === 'start' && String(event.parts) !== String(parts)) throw partsMoved(name)
    }),
  )
}

function partsMissing({ name, partitions }: ViewDescription, missing: readonly number[]): RetriableError {
  const [parts, are] = missing.length === 1 ? ['part', 'is'] : ['parts', 'are']
  return new RetriableError(
    'VIEW_INCOMPLETE',
    `View ${name} has ${amount(partitions, 'part')}, and no process that answers serves ${parts} ${missing.join(', ')}, which ` +
      `${are} being restored or moved. Retry in a moment`,
    { store: name },
  )
}

/** The caller may have seen some changes twice or not at all. */
function partsMoved(name: string): RetriableError {
  return new RetriableError(
    'VIEW_INCOMPLETE',
    `Parts of view ${name} moved to another process while they were followed. Run the command again`,
    { store: name },
  )
}

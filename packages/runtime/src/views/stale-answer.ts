import { RetriableError } from '@millrace/core'
import { badRequest, flag, type Query } from '../http/query-parameters.ts'
import type { RouteSources } from './route-sources.ts'
import type { ServedView } from './served-view.ts'
import { type QueriedParts, queriedParts } from './view-request.ts'

/** The parameter of requests that may be answered from standbys. */
export const STALE_PARAMETER = 'stale'

/**
 * Answers a request from the parts that it wants. If it may be answered from standbys, and a process that has some of the parts does
 * not answer, or no longer has them, answers again without that process.
 */
export async function answerFrom<T>(
  view: ServedView,
  sources: RouteSources,
  query: Query,
  clientGone: AbortSignal,
  answer: (queried: QueriedParts) => Promise<T>,
): Promise<T> {
  const mayBeStale = flag(query, STALE_PARAMETER)
  const failed = new Set<string>()
  for (;;) {
    const queried = queriedParts(view, sources, query, clientGone, { mayBeStale, failed })
    try {
      return await answer(queried)
    } catch (error) {
      const news = queried.remote.flatMap((parts) => (parts.failed ? parts.address : []))
      const isIncomplete = error instanceof RetriableError && error.code === 'VIEW_INCOMPLETE'
      // Each time there is one process less that is queried.
      if (!mayBeStale || !isIncomplete || news.length === 0) throw error
      for (const address of news) failed.add(address)
    }
  }
}

/** Throws `BAD_REQUEST` for a request that waits for a position: a standby may reach it much later than its task. */
export function refuseStaleWait(query: Query): void {
  if (!flag(query, STALE_PARAMETER) || query.get('after') === undefined) return
  throw badRequest(STALE_PARAMETER, 'cannot be used together with after. Leave one of them out')
}

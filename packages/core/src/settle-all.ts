/**
 * The results of several promises, once all of them have settled. Rejects then with the first error, if any failed. Use it
 * for work on things that are closed after a failure: none of the work may still run when this returns.
 */
export async function settleAll<T>(promises: Iterable<Promise<T>>): Promise<T[]> {
  const outcomes = await Promise.allSettled(promises)
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

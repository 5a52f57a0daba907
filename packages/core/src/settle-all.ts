/**
 * The results of several promises, once all of them have settled; rejects then with the first error, if any failed. For
 * work on things that are closed after a failure: none of it may still be under way when this returns.
 */
export async function settleAll<T>(promises: Iterable<Promise<T>>): Promise<T[]> {
  const outcomes = await Promise.allSettled(promises)
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

import { PLAN } from './plan-value.ts'
import { type ReadOptions, startPlan } from './start.ts'
import { Stream } from './stream.ts'
import type { Topic } from './topic.ts'

/**
 * Reads a topic as a stream: an unbounded sequence of facts.
 *
 * ```ts
 * const late = stream(flights).filter((flight) => flight.delay > 15)
 * const fromNowOn = stream(flights, { start: 'latest' })
 * ```
 */
export function stream<K, V>(topic: Topic<K, V>, options: ReadOptions = {}): Stream<K, V> {
  const { source } = topic[PLAN]
  const start = startPlan(options.start)
  const bootstrap = options.bootstrap === true
  const node = start === undefined && !bootstrap ? source : { ...source, start, bootstrap }
  return new Stream({ kind: 'stream', node, key: topic.key, value: topic.value, rekeyed: false })
}

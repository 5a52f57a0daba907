import type { Keyed } from './keyed.ts'
import { PLAN, type StreamPlan } from './plan-value.ts'
import { type AnyProcessOptions, type ProcessStep, processStep } from './process-node.ts'
import type { ProcessOptions, SideOutputs } from './process-options.ts'
import type { StateCells } from './state-cells.ts'
import type { ProcessedStream, Stream } from './stream.ts'
import { StreamPipe } from './stream-pipe.ts'
import type { TaskProcessOptions } from './task-process-options.ts'

/** Of a step that declares no state, or no side outputs. */
type NoNames = Record<never, never>

/** The step of a stream that users write themselves. */
export abstract class StreamProcess<K, V> extends StreamPipe<K, V> {
  /** Makes the stream of what a process step emits. */
  protected abstract processed<R, S, O>(plan: StreamPlan<K, R>, step: ProcessStep): ProcessedStream<K, R, S, O>

  /**
   * A step of your own: callbacks with state and timers for each key. `emit` passes on records with the key of the call.
   *
   * ```ts
   * const silences = stream(readings).process('silence', {
   *   value: json<{ since: number }>(),
   *   onRecord: (_reading, _key, { timers }) => timers.quiet.after('2m'),
   *   timers: { quiet: (_key, { emit, timestamp }) => emit({ since: timestamp - 120_000 }) },
   * })
   * ```
   */
  process<Key, S extends StateCells = NoNames, O extends SideOutputs = NoNames, T extends string = never, R = never>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    options: ProcessOptions<Key, V, S, O, T, R>,
  ): ProcessedStream<Key, R, S, O>
  process(name: string, options: unknown): unknown {
    const { key } = this[PLAN]
    const step = processStep(this[PLAN], name, 'key', options as AnyProcessOptions)
    return this.processed({ kind: 'stream', node: step.node, key, value: step.options.value, rekeyed: false }, step)
  }

  /**
   * As `process`, with state and timers for each task: the records of one partition share them, whatever their keys. `emit`
   * takes a key.
   *
   * ```ts
   * const fresh = stream(events).processTask('fresh', {
   *   value: json<Event>(),
   *   state: { seen: mapState(string(), int64(), { ttl: '1h' }) },
   *   onRecord(event, key, { state: { seen }, emit, timestamp }) {
   *     if (!seen.has(event.id)) emit(key, event)
   *     seen.set(event.id, timestamp)
   *   },
   * })
   * ```
   */
  processTask<
    S extends StateCells = NoNames,
    O extends SideOutputs = NoNames,
    T extends string = never,
    K2 = K,
    R = never,
  >(name: string, options: TaskProcessOptions<K, V, S, O, T, K2, R>): ProcessedStream<K2, R, NoNames, O>
  processTask(name: string, options: unknown): unknown {
    const { key = this[PLAN].key, value } = options as Partial<
      TaskProcessOptions<K, V, unknown, unknown, never, K, never>
    >
    const step = processStep(this[PLAN], name, 'task', options as AnyProcessOptions)
    return this.processed({ kind: 'stream', node: step.node, key, value, rekeyed: true }, step)
  }
}

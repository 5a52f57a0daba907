import type { ErrorPolicy, Serde } from '@millrace/core'
import type { AsyncNode, KeyValueStore } from '@millrace/core/internal'
import type { ResultSource } from '../../task/error-policy.ts'
import { anySerde } from '../any-serde.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import type { CompileStep } from '../step-context.ts'
import { type CallResultStep, type CallStore, PendingCalls } from './pending-calls.ts'
import { RecordIds, type RecordProgress } from './record-ids.ts'
import type { Outcome } from './tries.ts'

/** Calls the outside world for each record, and passes on what the calls give. */
export const compileAsync: CompileStep<AsyncNode> = (node, context) => {
  const [calls, progress] = node.stores
  const time = context.timeBefore(node)
  const ids = new RecordIds(context.keyValueStore(progress) as KeyValueStore<string, RecordProgress>, context)
  const pending = new PendingCalls(node, time, context.sortedStore(calls) as CallStore, ids, context)
  context.drive(pending)
  context.holdBack(node, node.name, time, pending.held)
  return () => {
    const source = context.resultsOf(node, anySerde(node.key), anySerde(node.value))
    pending.connect(new CallResults(source, node.gives, context.streamAfter(node)))
    return [new TakeOperator(pending)]
  }
}

/** Takes each record, to be called for behind its unit. */
class TakeOperator extends StreamOperator {
  readonly #pending: PendingCalls

  constructor(pending: PendingCalls) {
    super()
    this.#pending = pending
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    this.#pending.take(key, value, timestamp)
  }
}

/** Passes on what a call gave: the change of a row that has the record's key and value, and the outcome. A failed one becomes an error. */
class CallResults extends TableOperator implements CallResultStep {
  readonly step: string
  readonly policy: ErrorPolicy
  /** How the record is written if it becomes a dead letter. */
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  finals = { outputs: 0 }
  readonly #gives: AsyncNode['gives']
  readonly #next: StreamOperator

  constructor({ step, policy, key, value }: ResultSource, gives: AsyncNode['gives'], next: StreamOperator) {
    super()
    this.step = step
    this.policy = policy
    this.key = key
    this.value = value
    this.#gives = gives
    this.#next = next
  }

  get next(): TableOperator {
    return this
  }

  change(key: unknown, value: unknown, old: unknown, timestamp: number): void {
    const outcome = old as Outcome
    if ('error' in outcome) throw outcome.error
    // A step that makes any number of values leaves deletions out.
    if (this.#gives === 'values') {
      const results = value === null ? [] : (outcome.result as readonly unknown[])
      for (const result of results) this.#next.process(key, result, timestamp)
    } else this.#next.process(key, outcome.result, timestamp)
  }
}

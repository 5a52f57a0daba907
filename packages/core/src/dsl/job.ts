import type { PlanNode } from '../plan/node.ts'
import type { ErrorPolicies, ErrorPolicy } from '../topology/topology.ts'
import { checkJob } from '../topology/validate.ts'
import type { Output } from './output.ts'
import { planOf } from './plan-value.ts'
import type { Table } from './table.ts'

/** Marks jobs; registered, so that a job built with another copy of this package is still recognised. */
const JOB: unique symbol = Symbol.for('millrace.job')

/** Bumped when a job of one copy of this package could be misread by another. */
const JOB_VERSION = 3

/** A named set of outputs, and all that they are computed from. Immutable, and valid: a job that is not cannot be made. */
export interface Job {
  readonly [JOB]: typeof JOB_VERSION
  readonly name: string
  /** The plan's last steps: sinks and tables. */
  readonly outputs: readonly PlanNode[]
  readonly errors: ErrorPolicies
  /**
   * The same job with other error policies; what is left out stays. Default for each: `fail`.
   *
   * ```ts
   * job('flight-delays', delays).onError({ undecodable: deadLetter('flights-undecodable'), callback: 'skip' })
   * ```
   */
  onError(policies: Partial<ErrorPolicies>): Job
}

/**
 * A job: sinks (`stream.to(…)`) and tables, which become views. Its name names its topics and state: another name is
 * another job that starts from the beginning. Throws `JOB_INVALID` with every problem at once.
 *
 * ```ts
 * export default job('flight-delays', delays, delays.changes().to(delayChanges))
 * ```
 */
export function job(name: string, ...outputs: readonly (Output | Table<unknown, unknown>)[]): Job {
  return makeJob(name, outputs.map(outputNode), { undecodable: 'fail', keyless: 'fail', callback: 'fail' })
}

/**
 * An error policy: the record is appended, as it was, to a topic, with headers that say what was wrong with it.
 *
 * ```ts
 * job('flight-delays', delays).onError({ undecodable: deadLetter('flights-undecodable') })
 * ```
 */
export function deadLetter(topic: string | { readonly name: string }): ErrorPolicy {
  return Object.freeze({ deadLetter: typeof topic === 'string' ? topic : topic.name })
}

/** Whether a value is a job, also one that another copy of this package made. */
export function isJob(value: unknown): value is Job {
  return typeof value === 'object' && value !== null && JOB in value && value[JOB] === JOB_VERSION
}

function makeJob(name: string, outputs: readonly (PlanNode | undefined)[], errors: ErrorPolicies): Job {
  const valid = checkJob(name, outputs, errors)
  return Object.freeze({
    [JOB]: JOB_VERSION,
    name,
    outputs: Object.freeze(valid),
    errors: Object.freeze(errors),
    onError: (policies: Partial<ErrorPolicies>) => makeJob(name, valid, { ...errors, ...policies }),
  } as const)
}

/** The step of an output; undefined for what is none, which validation reports. */
function outputNode(output: unknown): PlanNode | undefined {
  const plan = planOf(output)
  return plan?.kind === 'output' || plan?.kind === 'table' ? plan.node : undefined
}

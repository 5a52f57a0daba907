import type { ErrorPolicies, ErrorPolicy } from '../plan/error-policies.ts'
import type { PlanNode } from '../plan/node.ts'
import { checkJob } from '../topology/validate.ts'
import { noteUse } from './made-outputs.ts'
import type { Output } from './output.ts'
import { planOf } from './plan-value.ts'
import type { Table } from './table.ts'

/** Marks jobs. The symbol is registered, so that a job built with another copy of this package is still recognised. */
const JOB: unique symbol = Symbol.for('millrace.job')

/** Increased when a job of one copy of this package could be misread by another copy. */
const JOB_VERSION = 6

/** A named set of outputs, and all that they are computed from. Immutable, and always valid: an invalid job cannot be made. */
export interface Job {
  readonly [JOB]: typeof JOB_VERSION
  /** The name without the version. */
  readonly name: string
  /** A whole number from 1 up; see `withVersion`. Default 1. */
  readonly version: number
  /** The plan's last steps: sinks and tables. */
  readonly outputs: readonly PlanNode[]
  /** What to do with records that cannot be processed; see `onError`. */
  readonly errors: ErrorPolicies
  /**
   * The same job with other error policies. A policy that is left out stays as it is. Default for each: `fail`. Steps behind
   * `onError` of a stream have the policy that is stated there.
   *
   * ```ts
   * job('flight-delays', delays).onError({ undecodable: deadLetter('flights-undecodable'), callback: 'skip' })
   * ```
   */
  onError(policies: Partial<ErrorPolicies>): Job
  /**
   * Another version of the same job: it runs beside the other versions, on the same inputs, with its own group, changelog and
   * state, from the start of the inputs or from where the job begins. Each version appends to the outputs that it names. Throws `JOB_INVALID` for anything but
   * a whole number from 1 up.
   *
   * ```ts
   * export default job('flight-delays', delays).withVersion(2)
   * ```
   */
  withVersion(version: number): Job
}

/**
 * A job: sinks (`stream.to(…)`) and tables, which become views. The job's name names its topics and state: a job with another
 * name is another job, which starts from the beginning. Throws `JOB_INVALID` with every problem at once.
 *
 * ```ts
 * export default job('flight-delays', delays, delays.changes().to(delayChanges))
 * ```
 */
export function job(name: string, ...outputs: readonly (Output | Table<unknown, unknown>)[]): Job {
  return makeJob({ name, version: 1 }, outputs.map(outputNode), {
    undecodable: 'fail',
    keyless: 'fail',
    callback: 'fail',
  })
}

/**
 * An error policy: the record is appended, as it was, to a topic, with headers that describe what was wrong with it.
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

function makeJob(
  { name, version }: Pick<Job, 'name' | 'version'>,
  outputs: readonly (PlanNode | undefined)[],
  errors: ErrorPolicies,
): Job {
  const valid = checkJob({ name, version }, outputs, errors)
  noteUse(valid)
  return Object.freeze({
    [JOB]: JOB_VERSION,
    name,
    version,
    outputs: Object.freeze(valid),
    errors: Object.freeze(errors),
    onError: (policies: Partial<ErrorPolicies>) => makeJob({ name, version }, valid, { ...errors, ...policies }),
    withVersion: (other: number) => makeJob({ name, version: other }, valid, errors),
  } as const)
}

/** The step of an output; undefined for a value that is not an output, which validation reports. */
function outputNode(output: unknown): PlanNode | undefined {
  const plan = planOf(output)
  return plan?.kind === 'output' || plan?.kind === 'table' ? plan.node : undefined
}

import type { PlanNode } from './node.ts'

/** `fail` stops the job at the record; `skip` leaves it out; a dead letter also appends it, as it was, to a topic. */
export type ErrorPolicy = 'fail' | 'skip' | { readonly deadLetter: string }

/** What to do with a record that cannot be processed; each is counted. */
export interface ErrorPolicies {
  /** A record whose key or value does not decode. */
  readonly undecodable: ErrorPolicy
  /** A record without a key, in a topic that is read with keys. */
  readonly keyless: ErrorPolicy
  /**
   * A record for which a callback throws, or returns what the step cannot use: in every step that is behind no `onError` of a
   * stream.
   */
  readonly callback: ErrorPolicy
}

/**
 * What happens with a record that fails in this step: what the last `onError` before it states, or the job's own policy. Of several
 * inputs, the first counts: that of the stream or table on which the step was called.
 */
export function policyOf(step: PlanNode, ofJob: ErrorPolicy): ErrorPolicy {
  for (let node: PlanNode | undefined = step; node !== undefined; node = node.inputs[0]) {
    if (node.kind === 'errorPolicy') return node.policy
  }
  return ofJob
}

/** A policy in words: `dead letter to orders-failed`. */
export function policyText(policy: ErrorPolicy): string {
  return typeof policy === 'string' ? policy : `dead letter to ${policy.deadLetter}`
}

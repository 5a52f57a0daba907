import type { Guarantee } from '@millrace/runtime'

/** The cheaper one first: the cost of the other is what it adds to the first. */
export const GUARANTEES: readonly Guarantee[] = ['at-least-once', 'exactly-once']

export function asGuarantee(text: string): Guarantee {
  const guarantee = GUARANTEES.find((each) => each === text)
  if (guarantee === undefined) throw new Error(`There is no guarantee ${text}`)
  return guarantee
}

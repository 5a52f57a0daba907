import type { Guarantee } from '@millrace/runtime'

/** The cheaper one first: the other's cost is what is added to it. */
export const GUARANTEES: readonly Guarantee[] = ['at-least-once', 'exactly-once']

export function asGuarantee(text: string): Guarantee {
  const guarantee = GUARANTEES.find((each) => each === text)
  if (guarantee === undefined) throw new Error(`There is no guarantee ${text}`)
  return guarantee
}

/** What a step knows about its ready-made fold, or folds. */
export interface FoldPlan {
  /** What it computes: see `FoldParts`. Part of what the store means. */
  readonly word: string
  /** What is wrong with its parameters, in words. */
  readonly problems: readonly string[]
  /** What is passed on, and shown, of a total. */
  readonly result: (total: unknown) => unknown
}

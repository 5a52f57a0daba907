/** So many reasons are shown; all are counted. */
const REASONS_SHOWN = 10

/** What a command sends again, or would send, and what it leaves. */
export class ResendTally {
  /** How many records go to each topic. */
  readonly sent = new Map<string, number>()
  /** How many dead letters can never be sent again. */
  left = 0
  /** Why, for the first of them. */
  readonly reasons: string[] = []

  countSent(topic: string): void {
    this.sent.set(topic, (this.sent.get(topic) ?? 0) + 1)
  }

  countLeft(where: string, reason: string): void {
    this.left++
    if (this.reasons.length < REASONS_SHOWN) this.reasons.push(`${where}: ${reason}`)
  }
}

/**
 * After so many looks, a second, a member goes on with the fence that another one began: that one may be stopped. Before
 * that, it would only do the same work at the same time.
 */
const FENCE_LOOKS_MAX = 10

/** Which of a group's lost members this process fences: those that it marked, and those that no other process gets done with. */
export class LostMembers {
  /** For each lost member, how often this process has seen it. */
  readonly #looks = new Map<string, number>()
  readonly #fencing = new Set<string>()

  /** Those among the lost members that are lost for too long, and that this process does not fence yet. */
  overdue(lost: readonly string[]): string[] {
    for (const known of [...this.#looks.keys()]) if (!lost.includes(known)) this.#looks.delete(known)
    for (const member of lost) this.#looks.set(member, (this.#looks.get(member) ?? 0) + 1)
    return lost.filter((member) => (this.#looks.get(member) ?? 0) > FENCE_LOOKS_MAX && !this.#fencing.has(member))
  }

  /** Runs the fence of some members. Each member has its own: the next one may have to wait for something else. */
  async whileFencing(members: readonly string[], fence: () => Promise<void>): Promise<void> {
    for (const member of members) this.#fencing.add(member)
    try {
      await fence()
    } finally {
      for (const member of members) this.#fencing.delete(member)
    }
  }
}

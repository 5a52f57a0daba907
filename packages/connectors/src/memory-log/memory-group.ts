import { EMPTY_GROUP, type GroupState } from '../membership/group-state.ts'

/** A member that receives each state of a group. */
export interface GroupMember {
  update(state: GroupState): void
}

/** A group and its living members, which are all of its members: a member that shares memory dies together with it. */
export class MemoryGroup {
  readonly #members = new Set<GroupMember>()
  #state: GroupState = EMPTY_GROUP
  #updating = false

  get inUse(): boolean {
    return this.#members.size > 0
  }

  enter(member: GroupMember, change: (state: GroupState) => GroupState): void {
    // This may throw: then no member has entered.
    this.#state = change(this.#state)
    this.#members.add(member)
    this.#updateAll()
  }

  exit(member: GroupMember, change: (state: GroupState) => GroupState): void {
    this.#members.delete(member)
    this.change(change)
  }

  change(change: (state: GroupState) => GroupState): void {
    this.#state = change(this.#state)
    this.#updateAll()
  }

  /** A member that receives the state may change the group at once: then all receive the new state, in order. */
  #updateAll(): void {
    if (this.#updating) return
    this.#updating = true
    let last: GroupState | undefined
    while (last !== this.#state) {
      last = this.#state
      for (const member of this.#members) member.update(last)
    }
    this.#updating = false
  }
}

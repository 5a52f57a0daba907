import { EMPTY_GROUP, type GroupState } from '../membership/group-state.ts'

/** A member that receives each state of a group. */
export interface GroupMember {
  tell(state: GroupState): void
}

/** A group and its living members, which are all of its members: a member that shares memory dies together with it. */
export class MemoryGroup {
  readonly #members = new Set<GroupMember>()
  #state: GroupState = EMPTY_GROUP
  #telling = false

  get inUse(): boolean {
    return this.#members.size > 0
  }

  enter(member: GroupMember, change: (state: GroupState) => GroupState): void {
    // This may throw: then no member has entered.
    this.#state = change(this.#state)
    this.#members.add(member)
    this.#tellAll()
  }

  exit(member: GroupMember, change: (state: GroupState) => GroupState): void {
    this.#members.delete(member)
    this.change(change)
  }

  change(change: (state: GroupState) => GroupState): void {
    this.#state = change(this.#state)
    this.#tellAll()
  }

  /** A member that receives the state may change the group at once: then all receive the new state, in order. */
  #tellAll(): void {
    if (this.#telling) return
    this.#telling = true
    let told: GroupState | undefined
    while (told !== this.#state) {
      told = this.#state
      for (const member of this.#members) member.tell(told)
    }
    this.#telling = false
  }
}

import type { Assignment, Membership } from '@millrace/core'
import { type GroupState, released, withoutMembers } from '../membership/group-state.ts'
import { MemberFeed, memberFenced } from '../membership/member-feed.ts'
import type { GroupMember, MemoryGroup } from './memory-group.ts'

/** One member of a group in memory. Nobody who shares memory can be gone without a word, so nobody is ever fenced. */
export class MemoryMembership implements Membership, GroupMember {
  readonly member: string
  readonly #group: MemoryGroup
  readonly #name: string
  readonly #feed: MemberFeed
  #left = false

  constructor(group: MemoryGroup, name: string, member: string) {
    this.#group = group
    this.#name = name
    this.member = member
    this.#feed = new MemberFeed(member)
  }

  get assignments() {
    return this.#feed.assignments
  }

  tell(state: GroupState): void {
    if (state.members[this.member] !== undefined) this.#feed.tell(state)
  }

  async release(assignment: Assignment): Promise<void> {
    if (this.#left) return
    this.#group.change((state) => released(state, this.member, (task) => this.#feed.keeps(assignment, task)))
  }

  async confirm(): Promise<void> {
    if (this.#left) throw memberFenced(this.#name)
  }

  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    this.#group.exit(this, (state) => withoutMembers(state, [this.member]))
    this.assignments.complete()
  }
}

import type { Assignment, Membership, TransactionalWriter } from '@millrace/core'
import {
  type GroupState,
  loadsReported,
  released,
  reported,
  standbysReported,
  withoutMembers,
} from '../membership/group-state.ts'
import { MemberFeed, memberFenced } from '../membership/member-feed.ts'
import type { GroupMember, MemoryGroup } from './memory-group.ts'

/** Opens the writer of a transactional id. */
export type OpenWriter = (transactionalId: string) => TransactionalWriter

/** One member of a group in memory. A member that shares memory cannot die unnoticed, so no member is ever fenced. */
export class MemoryMembership implements Membership, GroupMember {
  readonly member: string
  readonly #group: MemoryGroup
  readonly #name: string
  readonly #feed: MemberFeed
  readonly #open: OpenWriter
  #left = false

  /** `open` opens the writer of a transactional id. */
  constructor(group: MemoryGroup, name: string, member: string, open: OpenWriter) {
    this.#open = open
    this.#group = group
    this.#name = name
    this.member = member
    this.#feed = new MemberFeed(member)
  }

  get assignments() {
    return this.#feed.assignments
  }

  update(state: GroupState): void {
    if (state.members[this.member] !== undefined) this.#feed.update(state)
  }

  async release(assignment: Assignment): Promise<void> {
    if (this.#left) return
    this.#group.change((state) => released(state, this.member, (task) => this.#feed.keeps(assignment, task)))
  }

  async reportEnd({ generation }: Assignment, atEnd: boolean): Promise<void> {
    if (this.#left) return
    this.#group.change((state) => reported(state, this.member, generation, atEnd))
  }

  async reportStandbys({ generation }: Assignment, ready: readonly string[]): Promise<void> {
    if (this.#left) return
    this.#group.change((state) => standbysReported(state, this.member, generation, ready))
  }

  async reportLoads(loads: ReadonlyMap<string, number>): Promise<void> {
    if (this.#left) return
    this.#group.change((state) => loadsReported(state, this.member, loads))
  }

  async openWriter(): Promise<TransactionalWriter> {
    if (this.#left) throw memberFenced(this.#name)
    return this.#open(`${this.#name}.${this.member}`)
  }

  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    this.#group.exit(this, (state) => withoutMembers(state, [this.member]))
    this.assignments.complete()
  }
}

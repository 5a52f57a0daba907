import { type Env, type JoinOptions, type Membership, RefusedError } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { joined } from '../membership/group-state.ts'
import { MemoryGroup } from './memory-group.ts'
import { MemoryMembership, type OpenWriter } from './memory-membership.ts'

/** The owners of claimed jobs, and the members of shared ones. Several logs may share it, as processes share a directory. */
export class MemoryGroups {
  readonly #env: Env
  readonly #claimed = new Set<string>()
  readonly #groups = new Map<string, MemoryGroup>()

  constructor(env: Env) {
    this.#env = env
  }

  /** Claims a job's name; the returned function releases it. Throws `JOB_RUNNING`, `BAD_NAME`. */
  claim(job: string): () => void {
    checkName('job', job)
    if (this.#claimed.has(job) || this.#groups.get(job)?.inUse === true) throw jobRunning(job)
    this.#claimed.add(job)
    let held = true
    return () => {
      if (held) this.#claimed.delete(job)
      held = false
    }
  }

  /** Throws `JOB_RUNNING`, `JOB_CHANGED`, `BAD_NAME`. */
  join(name: string, options: JoinOptions, open: OpenWriter): Membership {
    checkName('job', name)
    if (this.#claimed.has(name)) throw jobRunning(name)
    const group = this.#groups.get(name) ?? new MemoryGroup()
    this.#groups.set(name, group)
    const member = new MemoryMembership(group, name, this.#env.random.uuid(), open)
    group.enter(member, (state) => joined(state, name, member.member, options))
    return member
  }
}

function jobRunning(job: string): RefusedError {
  return new RefusedError('JOB_RUNNING', `Job ${job} already runs. Stop it first`, { job })
}

import type { Env, FileSystem } from '@millrace/core'
import type { GroupJob, GroupState, MemberState, StandbyPlace, TaskPlace } from '../../membership/group-state.ts'
import { groupDirectory, memberPath } from '../paths.ts'
import { VersionedFile } from '../versioned-file.ts'
import { type LifeSign, lifeSignIn, MemberFile, type UnnamedFile, unnamedFileIn } from './member-file.ts'

export const GROUP_FILE = 'group'

/** A state of the group, and the number of its version. */
export interface GroupVersion {
  readonly number: number
  /** Undefined if the group is new, or if the state cannot be read: only damage or an edit from outside makes it unreadable. */
  readonly state: GroupState | undefined
}

/**
 * A group's directory, `<data>/jobs/<group>`: `group.<number>.json`, its states; and a file for each member, which the member
 * keeps locked for its life and writes its beats to.
 */
export class GroupFiles {
  readonly directory: string
  readonly #env: Env
  readonly #data: string
  readonly #group: string
  readonly #states: VersionedFile

  constructor(env: Env, data: string, group: string) {
    this.#env = env
    this.#data = data
    this.#group = group
    this.directory = groupDirectory(data, group)
    env.files.makeDirectory(`${this.directory}/members`)
    this.#states = new VersionedFile(env.files, this.directory, GROUP_FILE)
  }

  /** The newest state. */
  read(): GroupVersion {
    const { number, text } = this.#states.read()
    return { number, state: text === undefined ? undefined : parseGroup(text) }
  }

  /** Makes a state follow the version `before`; see `VersionedFile`. A member must not call it for two states at once. */
  publish(before: number, state: GroupState, member: string): Promise<boolean> {
    return this.#states.publish(before, JSON.stringify(state), member)
  }

  /** All that have a file, members or not, dead or alive. */
  members(): string[] {
    return this.#env.files.list(`${this.directory}/members`)
  }

  /** Whether any member lives. */
  get inUse(): boolean {
    return Object.keys(this.read().state?.members ?? {}).some((member) => this.signOf(member) !== undefined)
  }

  /** Makes a member's file and takes its lock. */
  enter(member: string): MemberFile {
    return MemberFile.make(this.#env.files, this.pathOf(member))
  }

  /** A member's last sign of life; undefined if it is dead. */
  signOf(member: string): LifeSign | undefined {
    return lifeSignIn(this.#env.files, this.pathOf(member))
  }

  /** What a member's file is that the group does not name. */
  unnamed(member: string): UnnamedFile {
    return unnamedFileIn(this.#env.files, this.pathOf(member))
  }

  /** Removes a member's files. */
  remove(member: string): void {
    this.#states.abandon(member)
    this.#env.files.remove(this.pathOf(member))
  }

  /** The path of a member's file. */
  pathOf(member: string): string {
    return memberPath(this.#data, this.#group, member)
  }
}

/** The newest state of the group in a directory, for a caller that only looks; undefined as in `GroupVersion`. */
export function readGroup(files: FileSystem, directory: string): GroupState | undefined {
  const { text } = new VersionedFile(files, directory, GROUP_FILE).read()
  return text === undefined ? undefined : parseGroup(text)
}

/** Validates a file that other processes wrote. */
function parseGroup(text: string): GroupState | undefined {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return undefined
  }
  return isGroup(found) ? found : undefined
}

function isGroup(found: unknown): found is GroupState {
  if (!isObject(found)) return false
  const { generation, description, members, tasks, upgrade, quietSince, ended } = found
  return (
    Number.isSafeInteger(generation) &&
    typeof description === 'string' &&
    isObject(members) &&
    Object.values(members).every(isMember) &&
    isObject(tasks) &&
    Object.values(tasks).every(isPlace) &&
    (upgrade === undefined || isJob(upgrade)) &&
    isNumberIfAny(quietSince) &&
    isFlagIfAny(ended)
  )
}

function isMember(found: unknown): found is MemberState {
  if (!isObject(found)) return false
  const { address, untilEnd, atEnd, lost, waits, standbys } = found
  return isTextOr(null, address) && [atEnd, standbys].every(isNumberIfAny) && [untilEnd, lost, waits].every(isFlagIfAny)
}

function isJob(found: unknown): found is GroupJob {
  if (!isObject(found)) return false
  const { description, tasks } = found
  return typeof description === 'string' && Array.isArray(tasks) && tasks.every((task) => typeof task === 'string')
}

function isNumberIfAny(found: unknown): boolean {
  return found === undefined || Number.isSafeInteger(found)
}

function isFlagIfAny(found: unknown): boolean {
  return found === undefined || typeof found === 'boolean'
}

function isPlace(found: unknown): found is TaskPlace {
  if (!isObject(found)) return false
  const { owner, next, standbys } = found
  return (
    isTextOr(null, owner) &&
    isTextOr(undefined, next) &&
    (standbys === undefined || (Array.isArray(standbys) && standbys.every(isStandby)))
  )
}

function isStandby(found: unknown): found is StandbyPlace {
  if (!isObject(found)) return false
  const { member, since, ready } = found
  return typeof member === 'string' && Number.isSafeInteger(since) && isFlagIfAny(ready)
}

function isTextOr(other: null | undefined, found: unknown): boolean {
  return found === other || typeof found === 'string'
}

function isObject(found: unknown): found is Record<string, unknown> {
  return typeof found === 'object' && found !== null
}

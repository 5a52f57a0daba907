import type { Env, OpenFile } from '@millrace/core'
import type { GroupState, MemberState, TaskPlace } from '../../membership/group-state.ts'
import { readText, writeText } from '../data-directory.ts'
import { groupDirectory, memberPath } from '../paths.ts'
import { type LifeSign, lifeSignIn, MemberFile } from './member-file.ts'

const STATE_FILE = 'group.json'

/**
 * A group's directory, `<data>/jobs/<group>`: `lock`, under which the group changes; `group.json`, its state; and a file for
 * each member, which the member keeps locked for its life and writes its beats to.
 */
export class GroupFiles {
  readonly directory: string
  readonly #env: Env
  readonly #data: string
  readonly #group: string
  readonly #lock: OpenFile

  constructor(env: Env, data: string, group: string) {
    this.#env = env
    this.#data = data
    this.#group = group
    this.directory = groupDirectory(data, group)
    env.files.makeDirectory(`${this.directory}/members`)
    this.#lock = env.files.open(`${this.directory}/lock`, 'write')
  }

  /** Runs one change of the group; others wait meanwhile. One member must not call it for two steps at once. */
  async locked<T>(change: () => Promise<T>): Promise<T> {
    await this.#lock.lock()
    try {
      return await change()
    } finally {
      this.#lock.unlock()
    }
  }

  /**
   * The group's state; undefined if there is none, or if it cannot be read. The file is put in place whole and durable, so
   * that only damage or an edit from outside makes it unreadable.
   */
  read(): GroupState | undefined {
    const text = readText(this.#env.files, `${this.directory}/${STATE_FILE}`)
    return text === undefined ? undefined : parseGroup(text)
  }

  /** Under the lock: so the temporary file needs no unique name, and one that was left behind is overwritten. */
  async write(state: GroupState): Promise<void> {
    await writeText(this.#env.files, this.directory, STATE_FILE, JSON.stringify(state), 'next')
  }

  /** All that have a file, members or not, dead or alive. */
  members(): string[] {
    return this.#env.files.list(`${this.directory}/members`)
  }

  /** Whether any member lives. */
  get inUse(): boolean {
    return Object.keys(this.read()?.members ?? {}).some((member) => this.signOf(member) !== undefined)
  }

  /** Makes a member's file and takes its lock. */
  enter(member: string): MemberFile {
    return MemberFile.make(this.#env.files, this.pathOf(member))
  }

  /** A member's last sign of life; undefined if it is dead. */
  signOf(member: string): LifeSign | undefined {
    return lifeSignIn(this.#env.files, this.pathOf(member))
  }

  remove(member: string): void {
    this.#env.files.remove(this.pathOf(member))
  }

  close(): void {
    this.#lock.close()
  }

  /** The path of a member's file. */
  pathOf(member: string): string {
    return memberPath(this.#data, this.#group, member)
  }
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
  const { generation, description, members, tasks, quietSince, ended } = found
  return (
    Number.isSafeInteger(generation) &&
    typeof description === 'string' &&
    isObject(members) &&
    Object.values(members).every(isMember) &&
    isObject(tasks) &&
    Object.values(tasks).every(isPlace) &&
    isGenerationIfAny(quietSince) &&
    isFlagIfAny(ended)
  )
}

function isMember(found: unknown): found is MemberState {
  if (!isObject(found)) return false
  return isTextOr(null, found['address']) && isFlagIfAny(found['untilEnd']) && isGenerationIfAny(found['atEnd'])
}

function isGenerationIfAny(found: unknown): boolean {
  return found === undefined || Number.isSafeInteger(found)
}

function isFlagIfAny(found: unknown): boolean {
  return found === undefined || typeof found === 'boolean'
}

function isPlace(found: unknown): found is TaskPlace {
  return isObject(found) && isTextOr(null, found['owner']) && isTextOr(undefined, found['next'])
}

function isTextOr(other: null | undefined, found: unknown): boolean {
  return found === other || typeof found === 'string'
}

function isObject(found: unknown): found is Record<string, unknown> {
  return typeof found === 'object' && found !== null
}

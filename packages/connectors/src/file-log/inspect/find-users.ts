import type { FileSystem } from '@millrace/core'
import { ifThere, readIfThere } from '../if-there.ts'
import { readGroup } from '../membership/group-files.ts'
import { lifeSignIn, unnamedFileIn } from '../membership/member-file.ts'
import { readTail } from '../partition/tail.ts'
import {
  groupDirectory,
  journalPath,
  memberPath,
  partitionDirectory,
  topicDirectory,
  topicsDirectory,
} from '../paths.ts'
import { gatePath } from '../transactions/backup-gate.ts'
import { closedOutcome, readClosed } from '../transactions/closed-writers.ts'
import { journalNames } from '../transactions/journal-names.ts'
import { findJournal } from '../transactions/journals.ts'

/** A file with a lock, and what the lock protects. */
export interface LockFile {
  readonly path: string
  /**
   * `append`: appends to a partition. `clean`: the compaction of a partition. `backup`: the moment of a backup; commits wait for
   * it. `claim`: a name that one process has for itself.
   */
  readonly kind: 'append' | 'clean' | 'backup' | 'claim'
  /** The partition, as `<topic>/<number>`, or the name that is claimed; empty for a backup. */
  readonly name: string
}

/** A member of a job's group. */
export interface GroupMember {
  readonly job: string
  readonly path: string
  /** The id of its process; undefined if the member is dead. */
  readonly process: number | undefined
  /** The member's heartbeat so far; it grows while the process runs. */
  readonly beats: number
  /** How many tasks it has. */
  readonly tasks: number
  /** Whether the group counts it as dead already, and its tasks go to others. */
  readonly lost: boolean
}

/** The journal of a transactional writer. */
export interface WriterJournal {
  readonly path: string
  readonly transactionalId: string
  /** Whether its writer lives. */
  readonly owned: boolean
}

/** A transaction that is not decided in a partition. */
export interface UndecidedTransaction {
  /** `<topic>/<number>`. */
  readonly partition: string
  readonly firstOffset: number
  /** The path of its writer's journal; undefined if there is none. */
  readonly journal: string | undefined
  /** Whether nothing records how it ended, so that the partition cannot be read any further. */
  readonly isLost: boolean
}

/** The processes that use a data directory, as far as its files show. */
export interface LogUsers {
  readonly members: readonly GroupMember[]
  readonly journals: readonly WriterJournal[]
  readonly undecided: readonly UndecidedTransaction[]
  /** All locks that a process takes and releases; see `isHeld`. */
  readonly locks: readonly LockFile[]
}

/** Finds the processes that use a data directory. It changes nothing. Throws errors of the file system, and `LOG_DAMAGED`. */
export function findUsers(files: FileSystem, data: string): LogUsers {
  const partitions = partitionsOf(files, data)
  return {
    members: namesIn(files, `${data}/jobs`).flatMap((job) => membersOf(files, data, job)),
    journals: journalNames(files, data).map(({ name, transactionalId }) => {
      const path = journalPath(data, name)
      return { path, transactionalId, owned: isHeld(files, path) }
    }),
    undecided: partitions.flatMap(({ name, directory }) => undecidedIn(files, data, name, `${directory}/tail`)),
    locks: [
      ...partitions.flatMap(({ name, directory }): LockFile[] => [
        { path: `${directory}/tail`, kind: 'append', name },
        { path: `${directory}/cleaner`, kind: 'clean', name },
      ]),
      { path: gatePath(data), kind: 'backup', name: '' },
      ...namesIn(files, `${data}/jobs`).flatMap((name): LockFile[] =>
        name.endsWith('.lock') ? [{ path: `${data}/jobs/${name}`, kind: 'claim', name: name.slice(0, -5) }] : [],
      ),
    ],
  }
}

/** Whether a process holds the lock of a file at this moment. */
export function isHeld(files: FileSystem, path: string): boolean {
  return readIfThere(files, path, (file) => file.isLocked()) ?? false
}

function membersOf(files: FileSystem, data: string, job: string): GroupMember[] {
  const directory = groupDirectory(data, job)
  // A claim has a file there.
  if (files.stat(directory)?.directory !== true) return []
  const state = readGroup(files, directory)
  const unnamed = namesIn(files, `${directory}/members`).filter(
    (member) =>
      state?.members[member] === undefined && unnamedFileIn(files, memberPath(data, job, member)) === 'former',
  )
  return [...Object.keys(state?.members ?? {}), ...unnamed].map((member) => {
    const path = memberPath(data, job, member)
    const sign = lifeSignIn(files, path)
    return {
      job,
      path,
      process: sign?.process,
      beats: sign?.beats ?? 0,
      tasks: Object.values(state?.tasks ?? {}).filter(({ owner }) => owner === member).length,
      lost: state?.members[member]?.lost === true,
    }
  })
}

function undecidedIn(files: FileSystem, data: string, partition: string, tailPath: string): UndecidedTransaction[] {
  const openIn = () => readIfThere(files, tailPath, readTail)?.open ?? []
  return openIn().map((open) => {
    const journal = findJournal(files, data, open.id)
    const isLost =
      journal === undefined &&
      closedOutcome(readClosed(files, data), open) === undefined &&
      // Its writer may have ended it, and removed the journal, between the two looks.
      openIn().some(({ id, epoch }) => id === open.id && epoch === open.epoch)
    return { partition, firstOffset: open.firstOffset, journal: journal && journalPath(data, journal.name), isLost }
  })
}

function partitionsOf(files: FileSystem, data: string): { readonly name: string; readonly directory: string }[] {
  const topics = namesIn(files, topicsDirectory(data)).filter((topic) => !topic.startsWith('.'))
  return topics.flatMap((topic) =>
    namesIn(files, topicDirectory(data, topic))
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({ name: `${topic}/${name}`, directory: partitionDirectory(data, topic, Number(name)) })),
  )
}

function namesIn(files: FileSystem, directory: string): string[] {
  if (files.stat(directory)?.directory !== true) return []
  return ifThere(() => files.list(directory)) ?? []
}

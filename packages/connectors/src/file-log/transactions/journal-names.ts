import type { FileSystem } from '@millrace/core'
import { ifThere } from '../if-there.ts'
import { transactionsDirectory } from '../paths.ts'

/**
 * The name of a journal's file, `<transactional id>@<number>-<unique>`. Every owner of an id has its own journal, whose name no
 * other one ever gets. Of two owners, the one whose journal comes later fences the other: that with the higher number, or of equal ones, with the higher unique part.
 */
export interface JournalName {
  readonly name: string
  readonly transactionalId: string
  /** One more than that of the journals that were there. */
  readonly number: number
  readonly unique: number
}

/** A transactional id has no such character. */
const SEPARATOR = '@'

export function journalName(transactionalId: string, number: number, unique: number): string {
  return `${transactionalId}${SEPARATOR}${number}-${unique}`
}

/** Undefined for other files. */
export function parseJournalName(name: string): JournalName | undefined {
  const [, transactionalId, number, unique] = /^([^.@][^@]*)@(\d+)-(\d+)$/.exec(name) ?? []
  if (transactionalId === undefined) return undefined
  return { name, transactionalId, number: Number(number), unique: Number(unique) }
}

/** The journals that come before another one of the same id. */
export function journalsBefore(name: string, journals: readonly JournalName[]): JournalName[] {
  const own = parseJournalName(name)
  if (own === undefined) return []
  return journals.filter((each) => each.number < own.number || (each.number === own.number && each.unique < own.unique))
}

/** Whether a journal comes last among those of its id. */
export function isLastJournal(name: string, journals: readonly JournalName[]): boolean {
  return journalsBefore(name, journals).length === journals.filter((each) => each.name !== name).length
}

/** The journals of a data directory; of one transactional id, if it is given. */
export function journalNames(files: FileSystem, data: string, transactionalId?: string): JournalName[] {
  const names = ifThere(() => files.list(transactionsDirectory(data))) ?? []
  const found = names.flatMap((name) => parseJournalName(name) ?? [])
  return transactionalId === undefined ? found : found.filter((each) => each.transactionalId === transactionalId)
}

import type { Env, FileSystem } from '@millrace/core'
import { writeDurably } from '../data-directory.ts'
import { diskFailed, logDamaged, systemCode } from '../errors.ts'
import { readIfThere } from '../if-there.ts'
import { journalPath, sealedPath, transactionsDirectory } from '../paths.ts'
import { syncNames } from '../sync.ts'
import type { TransactionJournal } from './journal.ts'
import { decodeRecord, encodeRecord, type JournalRecord } from './journal-record.ts'

/**
 * Takes a journal from its owner, and returns its final record, durably: the owner can append nothing more, and whatever it
 * still writes to the journal does not count. Any number of processes may seal a journal at once, the owner too, and any of
 * them may be stopped meanwhile: the first one that gives its copy of the record the name `<journal>.sealed` decides, and all
 * return that record. Undefined if the owner has decided nothing, or if the journal was removed: what was committed is then
 * kept elsewhere.
 */
export async function sealJournal(
  { files, random }: Env,
  data: string,
  journal: TransactionJournal,
): Promise<JournalRecord | undefined> {
  const { name } = journal
  const path = sealedPath(data, name)
  try {
    journal.fence()
    // After the fence: a record that the owner writes after this look does not count, and the owner finds the fence.
    const record = readSealed(files, data, name) ?? journal.read()
    if (record === undefined) return undefined
    if (files.stat(path) === undefined) {
      const temporary = `${transactionsDirectory(data)}/.seal-${random.uuid()}`
      await writeDurably(files, temporary, encodeRecord({ record, sequence: 1 }, journal.transactionalId))
      giveName(files, temporary, path)
    }
    // Also if another process sealed it: that one may be stopped before this step.
    await syncNames(files, transactionsDirectory(data))
    const sealed = readSealed(files, data, name)
    if (files.stat(journalPath(data, name)) !== undefined) return sealed
    // Another process was done with the journal before. Its record may not be the one that was read here.
    files.remove(path)
    return undefined
  } catch (error) {
    throw diskFailed(path, error)
  }
}

/** The final record of a journal; undefined if it is not sealed. Throws `LOG_DAMAGED`. */
export function readSealed(files: FileSystem, data: string, name: string): JournalRecord | undefined {
  const path = sealedPath(data, name)
  if (files.stat(path) === undefined) return undefined
  return readIfThere(files, path, (file) => {
    const found = decodeRecord((bytes) => file.read(bytes, 0, bytes.length, 0))
    if (found === undefined) throw logDamaged(path, 0, 'the final record of the journal is not whole')
    return found.record
  })
}

/** Gives a temporary file its name, unless another file has it. */
function giveName(files: FileSystem, temporary: string, path: string): void {
  try {
    files.link(temporary, path)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  } finally {
    files.remove(temporary)
  }
}

import type { FileSystem } from '@millrace/core'
import { journalPath } from '../paths.ts'
import { TransactionJournal } from '../transactions/journal.ts'
import { journalNames } from '../transactions/journals.ts'
import type { LogProblem } from './problem.ts'

/**
 * The problems of the journals that decide transactions. Each problem is checked again under the journal's lock before it is
 * reported.
 */
export async function verifyJournals(files: FileSystem, data: string): Promise<LogProblem[]> {
  const problems: LogProblem[] = []
  for (const name of journalNames(files, data)) {
    // Opening the journal would create it again.
    if (files.stat(journalPath(data, name)) === undefined) continue
    const journal = new TransactionJournal(files, data, name)
    try {
      if (journal.brokenRecords().length === 0) continue
      await journal.lock()
      const isLost = journal.read() === undefined
      for (const position of journal.brokenRecords()) {
        const what = isLost
          ? 'no record of the journal is whole: nothing says which of its transactions were committed'
          : 'the record there is not whole; the other one counts, as after a write that was cut off'
        problems.push({ severity: isLost ? 'damage' : 'torn', file: journal.path, position, end: position, what })
      }
    } finally {
      // Closing the journal also releases the lock.
      journal.close()
    }
  }
  return problems
}

import type { FileSystem } from '@millrace/core'
import { journalPath } from '../paths.ts'
import { TransactionJournal } from '../transactions/journal.ts'
import { journalNames } from '../transactions/journals.ts'
import type { LogProblem } from './problem.ts'

/** What is wrong with the journals that decide transactions. Each is looked at again under its lock before anything is said. */
export async function verifyJournals(files: FileSystem, data: string): Promise<LogProblem[]> {
  const problems: LogProblem[] = []
  for (const name of journalNames(files, data)) {
    // Opening would make it anew.
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
      // Its lock goes with it.
      journal.close()
    }
  }
  return problems
}

import type { FileSystem } from '@millrace/core'
import { journalNames } from '../transactions/journal-names.ts'
import { openJournalIfThere } from '../transactions/journals.ts'
import { readSealed } from '../transactions/seal-journal.ts'
import type { LogProblem } from './problem.ts'

/** An owner writes a record in microseconds: one that is not whole in so many looks was cut off, or damaged. */
const JOURNAL_LOOKS = 5

/** The problems of the journals that decide transactions. */
export function verifyJournals(files: FileSystem, data: string): LogProblem[] {
  const problems: LogProblem[] = []
  for (const { name } of journalNames(files, data)) {
    const journal = openJournalIfThere(files, data, name, 'read')
    if (journal === undefined) continue
    try {
      let broken = journal.brokenRecords()
      for (let looks = 1; looks < JOURNAL_LOOKS && broken.length > 0; looks++) {
        const again = journal.brokenRecords()
        broken = broken.filter((position) => again.includes(position))
      }
      // A final record is a copy of the one that counts.
      if (broken.length === 0 || readSealed(files, data, name) !== undefined) continue
      const isLost = journal.read() === undefined
      for (const position of broken) {
        const what = isLost
          ? 'no record of the journal is whole: it is unknown which of its transactions were committed'
          : 'the record there is not whole; the other one counts, as after an interrupted write'
        problems.push({ severity: isLost ? 'damage' : 'torn', file: journal.path, position, end: position, what })
      }
    } finally {
      journal.close()
    }
  }
  return problems
}

import { checkName, settleAll } from '@millrace/core/internal'
import { diskFailed, writerFenced } from '../errors.ts'
import { transactionsDirectory } from '../paths.ts'
import { syncNames } from '../sync.ts'
import { FileTransactionalWriter, type TransactionContext } from './file-transactional-writer.ts'
import { TransactionJournal } from './journal.ts'
import { isLastJournal, journalName, journalNames } from './journal-names.ts'
import { newProducerId } from './producer-id.ts'

/** Opens a transactional id under a new producer id, fences its former owners, and ends what they left open. */
export async function openTransactionalWriter(
  context: TransactionContext,
  transactionalId: string,
): Promise<FileTransactionalWriter> {
  checkName('transactional id', transactionalId)
  const { env, data, finisher, durability } = context
  const directory = transactionsDirectory(data)
  try {
    env.files.makeDirectory(directory)
    const journal = ownJournal(context, transactionalId)
    try {
      const producer = { id: newProducerId(env), epoch: 0 }
      journal.write({ producer, decided: null })
      if (durability === 'fsync') await settleAll([journal.sync(), syncNames(env.files, directory)])
      await finisher.retire(transactionalId, journal.name)
      // Another process opened the id after this one.
      if (journal.isFenced) throw writerFenced(transactionalId)
      return new FileTransactionalWriter(context, journal, producer)
    } catch (error) {
      // Nothing was written under it.
      env.files.remove(journal.path)
      journal.close()
      throw error
    }
  } catch (error) {
    throw diskFailed(directory, error)
  }
}

/** A new journal of this process, which is the last one of its id. */
function ownJournal({ env, data }: TransactionContext, transactionalId: string): TransactionJournal {
  const { files } = env
  for (;;) {
    const before = journalNames(files, data, transactionalId)
    const number = 1 + before.reduce((highest, each) => Math.max(highest, each.number), 0)
    const name = journalName(transactionalId, number, newProducerId(env))
    const journal = new TransactionJournal(files, data, name, 'create')
    // Otherwise a process looks at its lock, or another one opens the id at the same time, and its journal comes later.
    if (journal.own() && isLastJournal(name, journalNames(files, data, transactionalId))) return journal
    files.remove(journal.path)
    journal.close()
  }
}

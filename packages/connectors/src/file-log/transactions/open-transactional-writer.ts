import type { Env } from '@millrace/core'
import { checkName, settleAll } from '@millrace/core/internal'
import { diskFailed } from '../errors.ts'
import { ownerPath, transactionsDirectory } from '../paths.ts'
import { syncNames } from '../sync.ts'
import { FileTransactionalWriter, type TransactionContext } from './file-transactional-writer.ts'
import { TransactionJournal } from './journal.ts'
import { OwnerLock } from './owner-lock.ts'
import { newProducerId } from './producer-id.ts'

/** Fences a transactional id's former owner, ends what it left open, and opens the id under a new producer id. */
export async function openTransactionalWriter(
  context: TransactionContext,
  transactionalId: string,
): Promise<FileTransactionalWriter> {
  checkName('transactional id', transactionalId)
  const { env, data, finisher, durability } = context
  const directory = transactionsDirectory(data)
  try {
    env.files.makeDirectory(directory)
    const journal = await lockedJournal(env, data, transactionalId)
    try {
      await finisher.takeOver(journal)
      const producer = { id: newProducerId(env), epoch: 0 }
      const before = journal.read()?.owner
      const owner = OwnerLock.take(env.files, data, env.random.uuid())
      try {
        journal.write({ producer, owner: owner.name, decided: null, retired: false })
        if (before !== undefined) env.files.remove(ownerPath(data, before))
        if (durability === 'fsync') await settleAll([journal.sync(), syncNames(env.files, directory)])
      } catch (error) {
        owner.release()
        throw error
      }
      journal.unlock()
      return new FileTransactionalWriter(context, journal, owner, producer)
    } catch (error) {
      journal.close()
      throw error
    }
  } catch (error) {
    throw diskFailed(directory, error)
  }
}

/** The id's journal, locked, and still the file with that name. */
async function lockedJournal({ files }: Env, data: string, transactionalId: string): Promise<TransactionJournal> {
  for (;;) {
    const journal = new TransactionJournal(files, data, transactionalId)
    await journal.lock()
    if (journal.read()?.retired !== true) return journal
    // The process that retired it has removed it, or died just before.
    files.remove(journal.path)
    journal.close()
  }
}

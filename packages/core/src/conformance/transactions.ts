import { rejects } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { transactionCleaningConformance } from './transaction-cleaning.ts'
import { transactionFencingConformance } from './transaction-fencing.ts'
import { transactionGroupsConformance } from './transaction-groups.ts'
import { transactionIsolationConformance } from './transaction-isolation.ts'
import { transactionModelConformance } from './transaction-model.ts'
import { transactionReadingConformance } from './transaction-reading.ts'
import { transactionWritingConformance } from './transaction-writing.ts'

/** What a log that declares transactions promises about them. */
export function transactionsConformance({ test, factory }: LogTests): void {
  test('are declared, or refused', async (log) => {
    if (log.capabilities.transactions === 'none') await rejects('UNSUPPORTED', log.openTransactionalWriter('id'))
  })

  const tests: LogTests = {
    factory,
    test: (name, body) =>
      test(name, async (log) => {
        if (log.capabilities.transactions !== 'none') await body(log)
      }),
  }
  transactionWritingConformance(tests)
  transactionGroupsConformance(tests)
  transactionFencingConformance(tests)
  transactionReadingConformance(tests)
  transactionIsolationConformance(tests)
  transactionCleaningConformance(tests)
  transactionModelConformance(tests)
}

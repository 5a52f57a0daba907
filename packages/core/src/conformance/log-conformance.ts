import { recordsConformance } from './appending-and-reading.ts'
import { claimsConformance } from './claims.ts'
import { cleaningConformance } from './cleaning.ts'
import { groupEndConformance } from './group-end.ts'
import { groupStandbysConformance } from './group-standbys.ts'
import type { LogFactory, LogTests, TestRunner } from './log-tests.ts'
import { membershipConformance } from './membership.ts'
import { stretchesConformance } from './stretches.ts'
import { tombstonesConformance } from './tombstones.ts'
import { topicsConformance } from './topics.ts'
import { transactionsConformance } from './transactions.ts'
import { waitingConformance } from './waiting.ts'

/** Every log passes this suite: what the comments of the contract promise, sentence by sentence. */
export function logConformance(runner: TestRunner, kind: string, factory: LogFactory): void {
  const tests: LogTests = {
    factory,
    test: (name, body) =>
      runner.test(name, async () => {
        const log = await factory.open()
        try {
          await body(log)
        } finally {
          await log.close()
        }
      }),
  }
  runner.describe(`the ${kind} log: topics`, () => topicsConformance(tests))
  runner.describe(`the ${kind} log: appending and reading`, () => recordsConformance(tests))
  runner.describe(`the ${kind} log: stretches that are taken back`, () => stretchesConformance(tests))
  runner.describe(`the ${kind} log: waiting`, () => waitingConformance(tests))
  runner.describe(`the ${kind} log: time, purging and cleaning`, () => cleaningConformance(tests))
  runner.describe(`the ${kind} log: tombstones`, () => tombstonesConformance(tests))
  runner.describe(`the ${kind} log: claims`, () => claimsConformance(tests))
  runner.describe(`the ${kind} log: members that share tasks`, () => membershipConformance(tests))
  runner.describe(`the ${kind} log: members that run until the end`, () => groupEndConformance(tests))
  runner.describe(`the ${kind} log: members that keep standbys`, () => groupStandbysConformance(tests))
  runner.describe(`the ${kind} log: transactions`, () => transactionsConformance(tests))
}

import { filter, firstValueFrom } from 'rxjs'
import type { Log } from '../contracts/log.ts'
import type { Assignment, Membership } from '../contracts/membership.ts'
import type { LogTests } from './log-tests.ts'

/** A test of members of one group: it gets a log, and the same log as another process opens it. */
export type SharedTest = (name: string, body: (log: Log, other: Log) => Promise<void>) => void

/** Tests with two processes. A log without membership passes them. */
export function sharedTests({ test, factory }: LogTests): SharedTest {
  return (name, body) =>
    test(name, async (log) => {
      if (!log.capabilities.membership) return
      const other = await factory.again(log)
      try {
        await body(log, other)
      } finally {
        await other.close()
      }
    })
}

/** The first assignment of a member that fits. */
export function assigned(
  member: Membership,
  fits: (assignment: Assignment) => boolean = () => true,
): Promise<Assignment> {
  return firstValueFrom(member.assignments.pipe(filter(fits)))
}

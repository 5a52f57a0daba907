import { rejects } from './expectations.ts'
import type { LogTests } from './log-tests.ts'

/** Claims exclude others. */
export function claimsConformance({ test, factory }: LogTests): void {
  test('a claim excludes every other claim of its name until it is released', async (log) => {
    const other = await factory.again(log)
    const claim = await log.claim('job')
    await rejects('JOB_RUNNING', other.claim('job'))
    await other.claim('another')
    await claim.release()
    await (await other.claim('job')).release()
    await rejects('BAD_NAME', log.claim('../job'))
    await other.close()
  })

  test('closing a log releases its claims', async (log) => {
    const other = await factory.again(log)
    await other.claim('job')
    await rejects('JOB_RUNNING', log.claim('job'))
    await other.close()
    await (await log.claim('job')).release()
  })
}

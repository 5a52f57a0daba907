import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Assignment } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { filter, firstValueFrom, lastValueFrom } from 'rxjs'
import { expect, onTestFinished, test } from 'vitest'
import { PausableTimers, pausableEnv } from '../testing/pausable-timers.ts'
import { FileMembership, type GroupOptions } from './file-membership.ts'

const TASKS = ['t0', 't1', 't2']

/** A group whose members may be stopped, and are fenced as a test decides. */
function group() {
  const data = mkdtempSync(`${tmpdir()}/millrace-fence-`)
  const members: FileMembership[] = []
  onTestFinished(async () => {
    for (const member of members) await member.leave().catch(() => undefined)
    rmSync(data, { recursive: true })
  })
  return async (fence: GroupOptions['fence'], timers = new PausableTimers(nodeEnv().timers)) => {
    const member = await FileMembership.join({
      env: pausableEnv(timers),
      data,
      group: 'group',
      tasks: TASKS,
      description: 'job',
      address: null,
      sessionTimeoutMs: 300,
      fence,
      openWriter: () => Promise.reject(new Error('it opens no writer')),
      needsFence: () => false,
      checkUnclaimed: () => undefined,
    })
    members.push(member)
    return member
  }
}

test('a fence that a member began and did not finish is finished by a member that joins', async () => {
  const join = group()
  const timers = new PausableTimers(nodeEnv().timers)
  const begun = Promise.withResolvers<void>()
  const stopped = await join(() => expect.unreachable(), timers)
  const fencing = await join(() => {
    begun.resolve()
    return new Promise<void>(() => undefined)
  })
  const resume = timers.pause()
  await begun.promise
  const fenced: string[] = []
  const other = await join(async (member) => {
    fenced.push(member)
  })
  // It joins only once the lost member is gone: it does not rely on the member that fences it.
  expect(fenced).toEqual([stopped.member])
  expect((await firstValueFrom(other.assignments)).members.map(({ member }) => member).sort()).toEqual(
    [fencing.member, other.member].sort(),
  )
  resume()
  await expect(lastValueFrom(stopped.assignments)).rejects.toMatchObject({ code: 'MEMBER_FENCED' })
})

test('a fence that a member began and did not finish is finished by the other members after a second', async () => {
  const join = group()
  const timers = new PausableTimers(nodeEnv().timers)
  const fenced: string[] = []
  let fences = 0
  // The first of them to begin never ends.
  const fence = (member: string) => {
    fenced.push(member)
    return fences++ === 0 ? new Promise<void>(() => undefined) : Promise.resolve()
  }
  const stopped = await join(fence, timers)
  const one = await join(fence)
  await join(fence)
  const resume = timers.pause()
  const startedMs = performance.now()
  const isWithoutIt = filter(({ members }: Assignment) => !members.some(({ member }) => member === stopped.member))
  await firstValueFrom(one.assignments.pipe(isWithoutIt))
  expect(fenced).toEqual([stopped.member, stopped.member])
  expect(performance.now() - startedMs).toBeGreaterThan(1000)
  resume()
})

import type { Assignment, Membership } from '@millrace/core'
import { expect, test } from 'vitest'
import { JobEnd } from './job-end.ts'

const member = (name: string) => ({ member: name, address: null, tasks: [name] })
const assignment = (generation: number, more: Partial<Assignment> = {}): Assignment => ({
  generation,
  tasks: ['a'],
  members: [member('a'), member('b')],
  ended: false,
  waits: false,
  standbys: [],
  ...more,
})

function endAt() {
  const reports: string[] = []
  const reportEnd = async ({ generation }: Assignment, atEnd: boolean) => {
    reports.push(`${generation} ${atEnd}`)
  }
  const clock = { nowMs: 0, now: () => 0, monotonic: () => clock.nowMs }
  return { clock, reports, end: new JobEnd({ reportEnd } as Partial<Membership> as Membership, clock) }
}

test('one container alone, or one whose group has ended, is at the end at once', async () => {
  const { end, reports } = endAt()
  expect(await end.reached(assignment(1, { members: [member('a')] }))).toBe(true)
  expect(await end.reached(assignment(1, { ended: true }))).toBe(true)
  expect(reports).toEqual([])
})

test('a container reports its end once it has found nothing for a while, and once for each assignment', async () => {
  const { end, clock, reports } = endAt()
  const first = assignment(1)
  for (clock.nowMs = 0; clock.nowMs < 250; clock.nowMs += 50) expect(await end.reached(first)).toBe(false)
  expect(reports).toEqual([])
  await end.reached(first)
  await end.reached(first)
  expect(reports).toEqual(['1 true'])
  await end.reached(assignment(2))
  expect(reports).toEqual(['1 true', '2 true'])
})

test('a container that finds something again reports that, once, and waits again', async () => {
  const { end, clock, reports } = endAt()
  await end.reached(assignment(1))
  await end.left()
  expect(reports).toEqual([])
  clock.nowMs = 250
  await end.reached(assignment(1))
  expect(reports).toEqual([])
  clock.nowMs = 500
  await end.reached(assignment(1))
  await end.left()
  await end.left()
  expect(reports).toEqual(['1 true', '1 false'])
})

import { expect, test } from 'vitest'
import type { FailedApply } from './commit.ts'
import { RebuildBudget } from './rebuild-budget.ts'

const FAILED = [
  { task: { id: 'numbers-0' }, error: new Error('the disk is gone') },
] as unknown as readonly FailedApply[]

test('a store that fails again after three rebuilds without a commit stops the job, and reports the reason', () => {
  const notices: string[] = []
  const budget = new RebuildBudget('summing', (notice) => notices.push(notice))
  for (let rebuild = 0; rebuild < 3; rebuild++) budget.spend(FAILED)
  expect(notices).toEqual(Array(3).fill('Task numbers-0 opens its store again: the disk is gone'))
  expect(() => budget.spend(FAILED)).toThrow(
    expect.objectContaining({ code: 'STATE_REBUILD_FAILED', message: expect.stringContaining('the disk is gone') }),
  )
})

test('a commit that reaches all stores allows three rebuilds again', () => {
  const budget = new RebuildBudget('summing', () => undefined)
  for (let rebuild = 0; rebuild < 3; rebuild++) budget.spend(FAILED)
  budget.renew()
  for (let rebuild = 0; rebuild < 3; rebuild++) budget.spend(FAILED)
  expect(() => budget.spend(FAILED)).toThrow('failed again')
})

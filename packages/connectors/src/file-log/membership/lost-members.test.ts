import { expect, test } from 'vitest'
import { LostMembers } from './lost-members.ts'

test('a lost member that another process fences is waited for during ten looks', () => {
  const lost = new LostMembers()
  for (let look = 0; look < 10; look++) expect(lost.overdue(['a'])).toEqual([])
  expect(lost.overdue(['a', 'b'])).toEqual(['a'])
  for (let look = 0; look < 9; look++) expect(lost.overdue(['b'])).toEqual([])
  expect(lost.overdue(['a', 'b'])).toEqual(['b'])
})

test('a lost member that this process fences is not fenced a second time meanwhile', async () => {
  const lost = new LostMembers()
  const { promise, resolve } = Promise.withResolvers<void>()
  const fenced = lost.whileFencing(['a'], () => promise)
  for (let look = 0; look < 20; look++) expect(lost.overdue(['a'])).toEqual([])
  resolve()
  await fenced
  expect(lost.overdue(['a'])).toEqual(['a'])
})

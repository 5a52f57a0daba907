import { beforeEach, expect, test } from 'vitest'
import { LifeSigns } from './life-signs.ts'

const TIMEOUT_MS = 1000
const LOOK_MS = 100

let nowMs: number
let beats: Map<string, number>
let signs: LifeSigns

beforeEach(() => {
  nowMs = 5000
  beats = new Map([
    ['a', 0],
    ['b', 0],
  ])
  // The wall clock says nothing.
  const clock = { now: () => Math.random() * 1e12, monotonic: () => nowMs }
  signs = new LifeSigns(clock, (member) => beats.get(member), TIMEOUT_MS)
})

/** Looks as often as a member does, while those who `beat` do so; gives the last verdict. */
function look(forMs: number, beating: readonly string[]): string[] {
  let gone: string[] = []
  for (let passed = 0; passed < forMs; passed += LOOK_MS) {
    nowMs += LOOK_MS
    for (const member of beating) beats.set(member, (beats.get(member) ?? 0) + 1)
    gone = signs.gone(['a', 'b'])
  }
  return gone
}

test('who is dead is gone at once', () => {
  beats.delete('b')
  expect(look(LOOK_MS, ['a'])).toEqual(['b'])
})

test('who is silent is gone after the time of the session, and not before', () => {
  expect(look(TIMEOUT_MS + LOOK_MS, ['a'])).toEqual([])
  expect(look(LOOK_MS, ['a'])).toEqual(['b'])
})

test('who beats again in time lives on', () => {
  look(TIMEOUT_MS, ['a'])
  look(LOOK_MS, ['a', 'b'])
  expect(look(TIMEOUT_MS, ['a'])).toEqual([])
})

test('who was stopped himself judges nobody by what he remembers', () => {
  look(TIMEOUT_MS, ['a'])
  nowMs += 60_000
  expect(signs.gone(['a', 'b'])).toEqual([])
  expect(look(TIMEOUT_MS, ['a'])).toEqual([])
  expect(look(LOOK_MS, ['a'])).toEqual(['b'])
})

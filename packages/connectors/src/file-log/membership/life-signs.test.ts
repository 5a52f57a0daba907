import { beforeEach, expect, test } from 'vitest'
import { BEAT_INTERVAL_MS, LifeSigns } from './life-signs.ts'
import type { LifeSign } from './member-file.ts'

const TIMEOUT_MS = 1000

let nowMs: number
let ownBeats: number
let members: Map<string, LifeSign>
let signs: LifeSigns

beforeEach(() => {
  nowMs = 5000
  ownBeats = 0
  members = new Map()
  for (const member of ['a', 'b']) members.set(member, { beats: 0, turns: 0, process: 1 })
  // The wall clock must not matter.
  const clock = { now: () => Math.random() * 1e12, monotonic: () => nowMs }
  signs = new LifeSigns(
    clock,
    () => ownBeats,
    (member) => members.get(member),
    TIMEOUT_MS,
  )
})

const look = () => signs.look(['a', 'b'])

function count(member: string, what: 'beats' | 'turns'): void {
  const sign = members.get(member)
  if (sign !== undefined) members.set(member, { ...sign, [what]: sign[what] + 1 })
}

/** Lets time pass while this process and those in `beating` beat. */
function pass(forMs: number, beating: readonly string[]): void {
  for (let passed = 0; passed < forMs; passed += BEAT_INTERVAL_MS) {
    nowMs += BEAT_INTERVAL_MS
    ownBeats++
    for (const member of beating) count(member, 'beats')
  }
}

/**
 * The same, looking as often as a member does, while the beating members also return from their callbacks; returns the last
 * verdict.
 */
function lookOn(forMs: number, beating: readonly string[]) {
  let life = look()
  for (let passed = 0; passed < forMs; passed += BEAT_INTERVAL_MS) {
    pass(BEAT_INTERVAL_MS, beating)
    for (const member of beating) count(member, 'turns')
    life = look()
  }
  return life
}

test('a member that is dead is gone at once', () => {
  members.delete('b')
  expect(look().gone).toEqual(['b'])
})

test('a member that is silent is gone after the time of the session, and not before', () => {
  expect(lookOn(TIMEOUT_MS, ['a']).gone).toEqual([])
  expect(lookOn(BEAT_INTERVAL_MS, ['a']).gone).toEqual(['b'])
})

test('a member that beats again in time keeps its tasks', () => {
  lookOn(TIMEOUT_MS, ['a'])
  lookOn(BEAT_INTERVAL_MS, ['a', 'b'])
  expect(lookOn(TIMEOUT_MS, ['a']).gone).toEqual([])
})

test('an observer that was stopped judges no member by what it remembers', () => {
  lookOn(TIMEOUT_MS, ['a'])
  nowMs += 60_000
  expect(look().gone).toEqual([])
  expect(lookOn(TIMEOUT_MS, ['a']).gone).toEqual([])
  expect(lookOn(BEAT_INTERVAL_MS, ['a']).gone).toEqual(['b'])
})

test('an observer whose own beats come late, on a busy machine, counts less silence of others', () => {
  look()
  for (let beats = 0; beats < TIMEOUT_MS / BEAT_INTERVAL_MS; beats++) {
    nowMs += 4 * BEAT_INTERVAL_MS
    ownBeats++
    expect(look().gone).toEqual([])
  }
})

test('a member that returns from a long callback knows which members were silent all that time', () => {
  look()
  pass(25_000, ['a'])
  expect(look().gone).toEqual(['b'])
})

test('a member in a callback that is longer than the session is not gone, and is named as busy once', () => {
  look()
  pass(TIMEOUT_MS, ['a', 'b'])
  count('a', 'turns')
  expect(look()).toEqual({ gone: [], busy: [] })
  pass(BEAT_INTERVAL_MS, ['a', 'b'])
  expect(look()).toEqual({ gone: [], busy: ['b'] })
  pass(60_000, ['a', 'b'])
  expect(look()).toEqual({ gone: [], busy: ['a'] })
  count('b', 'turns')
  look()
  pass(2 * TIMEOUT_MS, ['a', 'b'])
  expect(look()).toEqual({ gone: [], busy: ['b'] })
})

test('an observer that misses more than a second of beats counts as stopped, however long the session is', () => {
  const clock = { now: () => 0, monotonic: () => nowMs }
  const SESSION_MS = 10_000
  const goneAfterGap = (gapMs: number): readonly string[] => {
    const patient = new LifeSigns(
      clock,
      () => ownBeats,
      (member) => members.get(member),
      SESSION_MS,
    )
    patient.look(['b'])
    pass(SESSION_MS / 2, [])
    patient.look(['b'])
    nowMs += gapMs
    patient.look(['b'])
    pass(SESSION_MS / 2 + BEAT_INTERVAL_MS, [])
    return patient.look(['b']).gone
  }
  expect(goneAfterGap(1000)).toEqual(['b'])
  expect(goneAfterGap(1001)).toEqual([])
})

test('two beats without a sign do not count as silence, however short the session is', () => {
  const shortSession = new LifeSigns(
    { now: () => 0, monotonic: () => nowMs },
    () => ownBeats,
    (member) => members.get(member),
    1,
  )
  shortSession.look(['b'])
  pass(3 * BEAT_INTERVAL_MS, [])
  expect(shortSession.look(['b']).gone).toEqual([])
  pass(BEAT_INTERVAL_MS, [])
  expect(shortSession.look(['b']).gone).toEqual(['b'])
})

import { describe, expect, test } from 'vitest'
import type { ClockedOperator } from '../operators/time/clocked.ts'
import { ArrivalTime } from './arrival-time.ts'
import { CombinedTime, type EventTime, HeldTime, NO_WATERMARK } from './event-time.ts'
import { TaskClock } from './task-clock.ts'

interface Source {
  watermark: number
  idle: boolean
}

function source(watermark = NO_WATERMARK): Source {
  return { watermark, idle: false }
}

/** Notes when it is stepped, and is due every ten ms of its time. */
class Ticking implements ClockedOperator {
  readonly name: string
  readonly time: EventTime
  readonly emits = true
  dueAt = 10
  protected readonly log: string[]

  constructor(name: string, time: EventTime, log: string[]) {
    this.name = name
    this.time = time
    this.log = log
  }

  step(_wallMs: number): number {
    this.log.push(`${this.name}@${this.dueAt}`)
    this.dueAt += 10
    return 1
  }

  save(): number {
    return this.dueAt
  }

  resume(saved: unknown): void {
    if (typeof saved === 'number') this.dueAt = saved
  }
}

test('time is the least time of the inputs that are not idle', () => {
  const [a, b] = [source(10), source(50)]
  const time = new CombinedTime('a, b', [a, b], 1000)
  time.update()
  expect(time.watermark).toBe(10)
  a.idle = true
  time.update()
  expect(time.watermark).toBe(50)
})

test('time does not go back when an input becomes active again', () => {
  const [a, b] = [source(10), source(50)]
  a.idle = true
  const time = new CombinedTime('a, b', [a, b], 1000)
  time.update()
  a.idle = false
  expect(time.update()).toBe(false)
  expect(time.watermark).toBe(50)
})

test('time does not move while everything is idle, and reports that it is idle', () => {
  const [a, b] = [source(10), source(50)]
  const time = new CombinedTime('a, b', [a, b], 1000)
  time.update()
  a.idle = true
  b.idle = true
  expect(time.update()).toBe(true)
  expect([time.watermark, time.idle]).toEqual([10, true])
})

describe('when the first of several idle inputs becomes active', () => {
  const sleeping = () => {
    const [a, b] = [source(10), source(50)]
    const time = new CombinedTime('a, b', [a, b], 1000)
    time.update()
    a.idle = true
    b.idle = true
    time.update()
    return { a, b, time }
  }

  test('the others hold time back until they have had enough time to do the same', () => {
    const { a, b, time } = sleeping()
    b.idle = false
    b.watermark = 500
    time.update()
    expect([time.watermark, time.idle]).toEqual([10, false])
    expect(time.tick(5000)).toBe(false)
    a.idle = false
    a.watermark = 60
    time.update()
    expect(time.watermark).toBe(60)
    time.tick(6000)
    a.watermark = 70
    time.update()
    expect(time.watermark).toBe(70)
  })

  test('those that stay idle hold nothing back after that', () => {
    const { b, time } = sleeping()
    b.idle = false
    b.watermark = 500
    time.update()
    time.tick(5000)
    expect(time.tick(5999)).toBe(false)
    expect(time.tick(6000)).toBe(true)
    expect(time.watermark).toBe(500)
  })

  test('what it brings has its effect also if it is idle again by then', () => {
    const { b, time } = sleeping()
    b.idle = false
    b.watermark = 500
    time.update()
    time.tick(5000)
    b.idle = true
    time.update()
    time.tick(6000)
    time.update()
    expect([time.watermark, time.idle]).toEqual([500, true])
  })

  test('an input that has become idle alone, while another is active, holds nothing back at once', () => {
    const [a, b] = [source(10), source(50)]
    const time = new CombinedTime('a, b', [a, b], 1000)
    time.update()
    a.idle = true
    time.update()
    expect(time.watermark).toBe(50)
  })
})

test('time behind a step with pending results is held back to the earliest of them, and is not idle while some are due', () => {
  const input = source(100)
  const before = new CombinedTime('a', [input], 1000)
  before.update()
  const step = { pendingFrom: 29, dueAt: 90 }
  const behind = new HeldTime('final w', before, step)
  input.idle = true
  before.update()
  behind.update()
  expect([behind.watermark, behind.idle]).toEqual([29, false])
  step.pendingFrom = 500
  step.dueAt = 600
  behind.update()
  expect([behind.watermark, behind.idle]).toEqual([100, true])
})

test('steps have their turns by when they are due, and the checkpoint says how far each is', () => {
  const input = source()
  const time = new CombinedTime('a', [input], 1000)
  const log: string[] = []
  const [first, second] = [new Ticking('first', time, log), new Ticking('second', time, log)]
  const clock = new TaskClock([time], [first, second])
  clock.resume([])
  expect(clock.due).toBe(false)
  input.watermark = 25
  clock.advance()
  expect(clock.changed).toBe(true)
  while (clock.due) clock.step()
  expect(log).toEqual(['first@10', 'second@10', 'first@20', 'second@20'])
  const saved = JSON.parse(JSON.stringify(clock.save()))
  expect(clock.changed).toBe(false)

  const unknown = new CombinedTime('a', [source()], 1000)
  const restored = new TaskClock([unknown], [new Ticking('first', unknown, log), new Ticking('second', unknown, log)])
  restored.resume([saved])
  expect(unknown.watermark).toBe(25)
  expect(restored.due).toBe(false)
})

/** Has something to do every ten ms of the wall clock, and nothing by event time. */
class WallTicking extends Ticking {
  override dueAt = Number.POSITIVE_INFINITY
  wallDueAt = 1000

  override step(wallMs: number): number {
    this.log.push(`${this.name}@${this.wallDueAt} at ${wallMs}`)
    this.wallDueAt += 10
    return 1
  }

  override save(): number {
    return this.wallDueAt
  }

  override resume(saved: unknown): void {
    if (typeof saved === 'number') this.wallDueAt = saved
  }
}

test('a step that goes by the wall clock has its turns as that moves on, also after a restart, and none when it is set back', () => {
  const time = new CombinedTime('a', [source()], 1000)
  const log: string[] = []
  const clock = new TaskClock([time], [new WallTicking('wall', time, log)])
  clock.resume([])
  clock.reach(999)
  expect(clock.due).toBe(false)
  clock.reach(1015)
  expect(clock.hasPending).toBe(false)
  while (clock.due) clock.step()
  expect(log).toEqual(['wall@1000 at 1015', 'wall@1010 at 1015'])
  clock.reach(500)
  expect(clock.due).toBe(false)

  const restored = new TaskClock([time], [new WallTicking('wall', time, log)])
  restored.resume([JSON.parse(JSON.stringify(clock.save()))])
  restored.reach(1019)
  expect(restored.due).toBe(false)
  restored.reach(1020)
  restored.step()
  expect(log.at(-1)).toBe('wall@1020 at 1020')
})

test('the latest time that records have reached is not that of the wall clock', () => {
  const time = new CombinedTime('a', [source(10)], 0)
  const arrival = new ArrivalTime('arrival counts', time)
  const clock = new TaskClock([time, arrival], [])
  arrival.reach(1_000_000)
  clock.advance()
  expect(arrival.watermark).toBe(1_000_000)
  expect(clock.latest).toBe(10)
})

test('a task that continues from several checkpoints takes each name from the last checkpoint that has it', () => {
  const [a, b] = [new CombinedTime('a', [source()], 1000), new CombinedTime('b', [source()], 1000)]
  const [first, second] = [new Ticking('first', a, []), new Ticking('second', b, [])]
  const before = {
    times: [['a', 10] as const, ['b', 7] as const],
    steps: [['first', 10] as const, ['second', 20] as const],
  }
  new TaskClock([a, b], [first, second]).resume([before, { times: [['a', 40]], steps: [['first', 50]] }])
  expect([a.watermark, b.watermark]).toEqual([40, 7])
  expect([first.dueAt, second.dueAt]).toEqual([50, 20])
})

test('a step that throws counts as having had its turn', () => {
  const time = new CombinedTime('a', [source(15)], 1000)
  const failing = new Ticking('failing', time, [])
  failing.step = () => {
    failing.dueAt += 10
    throw new Error('broken')
  }
  const clock = new TaskClock([time], [failing])
  clock.resume([])
  expect(() => clock.step()).toThrow('broken')
  expect(clock.due).toBe(false)
})

import { describe, expect, test } from 'vitest'
import { ProcessCrashed } from './disk-error.ts'
import { Machine } from './machine.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** Three processes that write, sync, lock and wait in turns; returns everything that happens, as text. */
async function trace(seed: number): Promise<string[]> {
  const machine = new Machine(seed)
  const lines: string[] = []
  machine.listen((atMs, kind, owner) => lines.push(`${atMs} ${kind} ${owner}`))
  const work = async ({ name, env }: SimulatedProcess) => {
    env.files.makeDirectory('/data')
    for (let round = 0; round < 10; round++) {
      const file = env.files.open('/data/file', 'write')
      await file.lock()
      const bytes = Buffer.from(`${env.random.uuid()} ${env.clock.now()} `)
      file.write(bytes, 0, bytes.length, file.size())
      await file.sync()
      file.close()
      await env.timers.turn()
      lines.push(`${name} wrote ${bytes}`)
    }
  }
  await machine.settle(Promise.all(['a', 'b', 'c'].map((name) => work(machine.process(name)))))
  return lines
}

test('the same seed runs the same, another seed otherwise', async () => {
  const [first, again, other] = [await trace(11), await trace(11), await trace(12)]
  expect(again).toEqual(first)
  expect(other).not.toEqual(first)
})

test('a process that was called continues until it waits before anything else happens', async () => {
  const machine = new Machine(1)
  const { timers } = machine.process('a').env
  const order: string[] = []
  timers.after(1, async () => {
    order.push('first')
    for (let turn = 0; turn < 10; turn++) await undefined
    await new Promise<void>((resolve) => process.nextTick(resolve))
    order.push('first, after promises and ticks')
  })
  timers.after(5, () => order.push('second'))
  expect(await machine.run()).toBe('idle')
  expect(order).toEqual(['first', 'first, after promises and ticks', 'second'])
})

test('a turn comes after what is ready', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const machine = new Machine(seed)
    const { timers } = machine.process('a').env
    const order: string[] = []
    machine.after(0, () => order.push('ready'))
    timers.turn().then(() => order.push('turn'))
    await machine.run()
    expect(order).toEqual(['ready', 'turn'])
  }
})

test('a cancelled timer never fires', async () => {
  const machine = new Machine(1)
  let fired = 0
  const { timers } = machine.process('a').env
  const timer = timers.after(1, () => fired++)
  timers.after(1, () => fired++)
  timer.cancel()
  await machine.run()
  expect(fired).toBe(1)
})

test('time passes only as things are due, and an hour costs nothing', async () => {
  const machine = new Machine(1)
  const { clock, timers } = machine.process('a').env
  const [wall, monotonic] = [clock.now(), clock.monotonic()]
  const done = new Promise<void>((resolve) => timers.after(3_600_000, resolve))
  await machine.settle(done, { withinMs: 4_000_000 })
  expect(clock.now() - wall).toBeGreaterThanOrEqual(3_600_000)
  expect(clock.now() - wall).toBeLessThan(3_600_010)
  expect(clock.monotonic() - monotonic).toBeGreaterThanOrEqual(3_600_000)
})

test('a run ends when its time is over, with what is due later still due', async () => {
  const machine = new Machine(1)
  let fired = false
  machine.after(500, () => {
    fired = true
  })
  expect(await machine.run(undefined, { withinMs: 100 })).toBe('late')
  expect(machine.nowMs).toBeCloseTo(100)
  expect(fired).toBe(false)
  expect(await machine.run(() => fired)).toBe('reached')
})

test('the wall clock jumps, monotonic time does not', () => {
  const machine = new Machine(1)
  const { clock } = machine.process('a').env
  const [wall, monotonic] = [clock.now(), clock.monotonic()]
  machine.jumpClock(-3_600_000)
  expect(clock.now() - wall).toBeLessThan(-3_599_000)
  expect(clock.monotonic()).toBeGreaterThan(monotonic)
})

describe('a process', () => {
  test('that is paused receives nothing until it is resumed, and then all of it in order', async () => {
    const machine = new Machine(1)
    const [a, b] = [machine.process('a'), machine.process('b')]
    const order: string[] = []
    a.env.timers.after(20, () => order.push('a late'))
    a.env.timers.after(5, () => order.push('a early'))
    b.env.timers.after(50, () => order.push('b'))
    a.pause()
    expect(await machine.run()).toBe('idle')
    expect(order).toEqual(['b'])
    a.resume()
    await machine.run()
    expect(order).toEqual(['b', 'a early', 'a late'])
  })

  test('that crashed receives nothing ever, and can do nothing', async () => {
    const machine = new Machine(1)
    const a = machine.process('a')
    const file = a.env.files.open('/file', 'write')
    let notified = false
    const onChange = () => {
      notified = true
    }
    a.env.timers.after(1, onChange)
    a.env.timers.turn().then(onChange, onChange)
    file.sync().then(onChange, onChange)
    file.lock().then(onChange, onChange)
    a.crash()
    await machine.run()
    expect(notified).toBe(false)
    expect(() => file.size()).toThrow(ProcessCrashed)
    expect(() => a.env.files.open('/file', 'read')).toThrow(ProcessCrashed)
    expect(() => machine.process('a').env.files.open('/file', 'read')).not.toThrow()
  })

  test('frees its locks when it dies, and keeps them while it is paused', async () => {
    const machine = new Machine(1)
    const [a, b] = [machine.process('a'), machine.process('b')]
    const [first, second] = [a.env.files.open('/lock', 'write'), b.env.files.open('/lock', 'write')]
    await machine.settle(first.lock())
    let got = false
    const waiting = second.lock().then(() => {
      got = true
    })
    a.pause()
    await machine.run()
    expect(got).toBe(false)
    expect(second.tryLock()).toBe(false)
    a.crash()
    await machine.settle(waiting)
  })

  test('that waits for a lock while it is paused does not keep it from others', async () => {
    const machine = new Machine(1)
    const [a, b, c] = ['a', 'b', 'c'].map((name) => machine.process(name).env.files.open('/lock', 'write'))
    expect(a?.tryLock()).toBe(true)
    b?.lock()
    const waiting = c?.lock()
    await machine.run()
    machine.processes.find(({ name }) => name === 'b')?.pause()
    a?.unlock()
    await machine.settle(Promise.resolve(waiting))
  })

  test('is started again under its name only after it died', () => {
    const machine = new Machine(1)
    const a = machine.process('a')
    expect(() => machine.process('a')).toThrow('alive')
    a.crash()
    expect(machine.process('a').env.random.next()).not.toBe(a.env.random.next())
  })
})

test('a power cut ends every process, and the next ones are in another boot', () => {
  const machine = new Machine(1)
  const a = machine.process('a')
  const { boot } = a.env.files
  machine.powerCut()
  expect(a.state).toBe('crashed')
  expect(machine.process('a').env.files.boot).not.toBe(boot)
})

test('a watch reports changes by others, several at once, until it is closed', async () => {
  const machine = new Machine(1)
  const [a, b] = [machine.process('a'), machine.process('b')]
  const file = b.env.files.open('/file', 'write')
  let notified = 0
  const watcher = a.env.files.watch('/file', () => notified++)
  for (let write = 0; write < 3; write++) file.write(Buffer.from('x'), 0, 1, write)
  await machine.run()
  expect(notified).toBe(1)
  b.env.files.rename('/file', '/other')
  await machine.run()
  expect(notified).toBe(2)
  b.env.files.remove('/other')
  await machine.run()
  expect(notified).toBe(3)
  watcher.close()
  file.write(Buffer.from('x'), 0, 1, 0)
  await machine.run()
  expect(notified).toBe(3)
})

test('a hundred thousand events take seconds at most', async () => {
  const machine = new Machine(1)
  const { timers } = machine.process('a').env
  const again = () => {
    timers.after(1, again)
  }
  again()
  const started = performance.now()
  await machine.run(() => machine.events === 100_000)
  const seconds = (performance.now() - started) / 1000
  console.log(`${Math.round(100_000 / seconds / 1000)}k events/s`)
  expect(seconds).toBeLessThan(10)
})

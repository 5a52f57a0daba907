import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  assignmentOf,
  EMPTY_GROUP,
  type GroupState,
  joined,
  released,
  reported,
  withoutMembers,
} from './group-state.ts'

const TASKS = ['a-0', 'a-1', 'b-0', 'b-1']
const JOB = { tasks: TASKS, description: 'job', address: null }

/** A member like a container: it follows assignments, processes the records that wait for its tasks, and reports. */
interface Worker {
  readonly name: string
  /** The generation that it follows. */
  seen: number
  tasks: readonly string[]
  /** The generation in which it found nothing to do, and has not reported that yet. */
  found?: number | undefined
  reported: boolean
}

/** A group whose members send each other work, one action at a time. */
class Model {
  state: GroupState = EMPTY_GROUP
  readonly workers: Worker[] = []
  /** Records that wait for each task; each, once processed, may send another. */
  readonly waiting = new Map(TASKS.map((task, index) => [task, index === 0 ? 1 : 0]))
  /** How many records may still be sent. */
  budget = 4
  #names = 0

  join(): void {
    const name = `m${this.#names++}`
    this.state = joined(this.state, 'group', name, { ...JOB, untilEnd: true })
    this.workers.push({ name, seen: -1, tasks: [], reported: false })
  }

  leave(worker: Worker): void {
    this.workers.splice(this.workers.indexOf(worker), 1)
    this.state = withoutMembers(this.state, [worker.name])
  }

  follow(worker: Worker): void {
    const { tasks, generation } = assignmentOf(this.state, worker.name)
    if (generation === worker.seen) return
    worker.seen = generation
    worker.tasks = tasks
    worker.found = undefined
    this.state = released(this.state, worker.name, (task) => tasks.includes(task))
  }

  /** Processes one record, or finds that there is none. */
  work(worker: Worker, target: string): void {
    const task = worker.tasks.find((each) => (this.waiting.get(each) ?? 0) > 0)
    if (task === undefined) {
      worker.found = worker.seen
      return
    }
    worker.found = undefined
    if (worker.reported) this.state = reported(this.state, worker.name, worker.seen, false)
    worker.reported = false
    this.#add(task, -1)
    if (this.budget-- > 0) this.#add(target, 1)
  }

  report(worker: Worker): void {
    if (worker.found === undefined) return
    this.state = reported(this.state, worker.name, worker.found, true)
    worker.reported = true
    worker.found = undefined
  }

  /** All three actions, as a container does them without interruption. */
  turn(worker: Worker, target: string): void {
    this.follow(worker)
    this.work(worker, target)
    this.report(worker)
  }

  get left(): number {
    return [...this.waiting.values()].reduce((sum, count) => sum + count, 0)
  }

  #add(task: string, count: number): void {
    this.waiting.set(task, (this.waiting.get(task) ?? 0) + count)
  }
}

/** Joining and leaving start everything again, so they are rare. */
const MOSTLY = Array.from({ length: 8 }, () => ['follow', 'work', 'report', 'turn'] as const).flat()

const action = fc.tuple(fc.constantFrom(...MOSTLY, 'join', 'leave'), fc.nat(20), fc.constantFrom(...TASKS))

test('a group has ended only if nothing waits for any task, and it comes to its end', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80, size: 'max' }), (actions) => {
      const model = new Model()
      model.join()
      model.join()
      const check = () => {
        if (model.state.ended === true) expect(model.left).toBe(0)
      }
      for (const [what, which, target] of actions) {
        const worker = model.workers[which % model.workers.length]
        if (worker === undefined) continue
        if (what === 'join' && model.workers.length < 5) model.join()
        else if (what === 'leave' && model.workers.length > 1) model.leave(worker)
        else if (what === 'follow') model.follow(worker)
        else if (what === 'work') model.work(worker, target)
        else if (what === 'report') model.report(worker)
        else if (what === 'turn') model.turn(worker, target)
        check()
      }
      for (let round = 0; round < 100 && model.state.ended !== true; round++) {
        for (const worker of model.workers) {
          model.turn(worker, 'a-0')
          check()
        }
      }
      expect(model.state.ended).toBe(true)
    }),
    { numRuns: 3000 },
  )
})

test('at the end members leave one after the other, and no task moves', () => {
  let state = EMPTY_GROUP
  for (const name of ['x', 'y', 'z']) state = joined(state, 'group', name, { ...JOB, untilEnd: true })
  for (const name of ['x', 'y', 'z'])
    state = released(state, name, (task) => assignmentOf(state, name).tasks.includes(task))
  for (let round = 0; round < 2; round++) {
    for (const name of ['x', 'y', 'z']) state = reported(state, name, state.generation, true)
  }
  expect(state.ended).toBe(true)
  const { tasks } = assignmentOf(state, 'y')
  state = withoutMembers(state, ['x'])
  expect(assignmentOf(state, 'y')).toMatchObject({ tasks, ended: true })
  state = withoutMembers(state, ['z'])
  expect(assignmentOf(state, 'y')).toMatchObject({ tasks, ended: true })
  // A member that joins after that starts again, with all tasks.
  state = joined(withoutMembers(state, ['y']), 'group', 'new', { ...JOB, untilEnd: true })
  expect(assignmentOf(state, 'new')).toMatchObject({ tasks: TASKS, ended: false })
})

test('a member that continues without an end is not waited for, and takes the tasks of those that have ended', () => {
  let state = EMPTY_GROUP
  state = joined(state, 'group', 'ends', { ...JOB, untilEnd: true })
  state = joined(state, 'group', 'goes-on', JOB)
  state = released(state, 'ends', (task) => assignmentOf(state, 'ends').tasks.includes(task))
  state = reported(state, 'ends', state.generation, true)
  expect(assignmentOf(state, 'ends').ended).toBe(true)
  expect(assignmentOf(withoutMembers(state, ['ends']), 'goes-on')).toMatchObject({ tasks: TASKS, ended: false })
})

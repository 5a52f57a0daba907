import { json, string } from '@millrace/core'
import type { Topology } from '@millrace/core/internal'
import { expect, test, vi } from 'vitest'
import type { Task, TaskCommit } from '../task/task.ts'
import { ContainerViews, type OtherMember } from './view-parts.ts'

const topology = {
  views: [{ name: 'totals', store: { name: 'totals', key: string(), value: json() }, subtopology: 'flights' }],
} as unknown as Topology

/** The part of a task that views see. */
function taskOf(partition: number) {
  const state = { committed: () => 'store of the open state', position: { nextOffset: 3, checksum: 7 } }
  const spec = { partition, tasks: 2, sources: { flights: { [partition]: 0 } }, subtopology: { id: 'flights' } }
  return { id: `flights-${partition}`, spec, state, position: { flights: { [partition]: 5 } } } as unknown as Task
}

function commitOf(task: Task, offset: number): TaskCommit {
  const position = { flights: { [task.spec.partition]: offset } }
  return {
    task,
    state: task.state,
    frozen: { changes: () => [{ key: 'ATL', value: offset }] },
    position,
  } as unknown as TaskCommit
}

function twoTasks(otherMembers: readonly OtherMember[] = []) {
  const tasks = [taskOf(0), taskOf(1)] as const
  const views = new ContainerViews(
    topology,
    tasks,
    () => undefined,
    () => otherMembers,
  )
  const [view] = views.views
  if (view === undefined) throw new Error('no view')
  return { tasks, views, view }
}

test('a part is served once its task is restored, at the position of its checkpoint', () => {
  const { tasks, views, view } = twoTasks()
  expect(view.partitions).toBe(2)
  expect(view.parts).toEqual([])
  views.opened(tasks[1])
  expect(view.parts.map(({ partition, position }) => [partition, position])).toEqual([[1, { flights: { 1: 5 } }]])
})

test('a view lists which other processes have parts of it', () => {
  const here = { address: 'http://127.0.0.1:1', tasks: ['other-0', 'flights-1', 'other-1'] }
  const { view } = twoTasks([here, { address: 'http://127.0.0.1:2', tasks: ['other-2'] }])
  expect(view.remoteOwners).toEqual([{ address: here.address, partitions: [1] }])
})

test('a part whose store is rebuilt is not served meanwhile, also to a reader that already has the part', () => {
  const { tasks, views, view } = twoTasks()
  for (const task of tasks) views.opened(task)
  const [part] = view.parts
  expect(part?.store).toBe('store of the open state')
  views.closing(tasks[0])
  expect(view.parts.map(({ partition }) => partition)).toEqual([1])
  expect(() => part?.store).toThrow(expect.objectContaining({ code: 'VIEW_INCOMPLETE' }))
  views.opened(tasks[0])
  expect(view.parts.map(({ partition }) => partition)).toEqual([0, 1])
  expect(part?.store).toBe('store of the open state')
})

test('changes end when a store is rebuilt, since the failed commit is never reported, and can be followed again', () => {
  const { tasks, views, view } = twoTasks()
  for (const task of tasks) views.opened(task)
  const [part] = view.parts
  const events: unknown[] = []
  const follow = (name: string) =>
    part?.changes.subscribe({
      next: ({ position }) => events.push([name, position]),
      complete: () => events.push([name, 'ended']),
    })
  follow('before')
  views.committed(commitOf(tasks[0], 6))
  views.closing(tasks[0])
  views.opened(tasks[0])
  follow('after')
  views.committed(commitOf(tasks[0], 8))
  views.close()
  expect(events).toEqual([
    ['before', { flights: { 0: 6 } }],
    ['before', 'ended'],
    ['after', { flights: { 0: 8 } }],
    ['after', 'ended'],
  ])
})

test('a part whose store was rebuilt reports its position to those that wait for one', () => {
  const { tasks, views, view } = twoTasks()
  views.opened(tasks[0])
  const positions: unknown[] = []
  view.parts[0]?.positions.subscribe((position) => positions.push(position))
  views.closing(tasks[0])
  views.opened(tasks[0])
  expect(positions).toEqual([{ flights: { 0: 5 } }])
})

test('the changes of a commit are decoded only while a client follows them', () => {
  const { tasks, views, view } = twoTasks()
  for (const task of tasks) views.opened(task)
  const changes = vi.fn(() => [])
  const commit = { ...commitOf(tasks[0], 6), frozen: { changes } } as unknown as TaskCommit
  views.committed(commit)
  expect(changes).not.toHaveBeenCalled()
  view.parts[0]?.changes.subscribe()
  views.committed(commit)
  expect(changes).toHaveBeenCalledOnce()
})

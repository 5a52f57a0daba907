import { string } from '@millrace/core'
import { expect, test } from 'vitest'
import { GlobalInput } from './global-input.ts'
import { globalKey, isGlobalKey, topicOfPosition } from './global-key.ts'
import { GlobalTables } from './global-tables.ts'
import { bytesOf, ListedPartition } from './testing/listed-partition.ts'

function opened(end: number) {
  const topic = new ListedPartition('cities')
  const spec = { topic: 'cities', partition: 0, key: string(), value: string(), readsKey: true, readsValue: true }
  const input = new GlobalInput(spec, 'place', 'id-1', (error) => {
    throw error
  })
  input.load(undefined)
  input.start(topic.read(), true)
  input.catchUpTo(end)
  const append = (city: string) => {
    const bytes = bytesOf(string(), 'ann')
    topic.append(1, bytes, 0, bytes.length, city, string(), [])
  }
  return { input, tables: new GlobalTables([input]), append }
}

test('global tables are caught up once everything is taken that was there at the start, also if it is not readable at once', () => {
  const { input, tables, append } = opened(2)
  append('Rom')
  expect(tables.next(0)).toBe(input)
  input.consume()
  expect(tables.next(0)).toBeUndefined()
  expect(tables.caughtUp).toBe(false)
  append('Bern')
  tables.lookAgain()
  expect(tables.next(0)).toBe(input)
  expect(tables.caughtUp).toBe(false)
  input.consume()
  expect(tables.caughtUp).toBe(true)
})

test('global tables are looked at again when another input has read something, and not between', () => {
  const { input, tables, append } = opened(0)
  expect(tables.next(5)).toBeUndefined()
  append('Rom')
  expect(tables.next(5)).toBeUndefined()
  expect(tables.next(6)).toBe(input)
})

test('the position of a global table in a checkpoint belongs to its store, and no topic has its name', () => {
  const key = globalKey('cities', 2, 'place~3')
  expect([isGlobalKey(key), topicOfPosition(key)]).toEqual([true, 'cities'])
  expect([isGlobalKey('cities'), topicOfPosition('cities')]).toEqual([false, 'cities'])
})

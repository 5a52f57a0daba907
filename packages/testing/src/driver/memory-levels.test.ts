import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type Bytes, type BytesRange, levelDb } from '@millrace/state'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryLevels } from './memory-levels.ts'

const key = fc.uint8Array({ minLength: 1, maxLength: 2 }).map((bytes) => Buffer.from(bytes))

const action = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key, value: fc.nat(255) }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.record({ kind: fc.constant('write' as const) }),
  fc.record({
    kind: fc.constant('range' as const),
    gte: key,
    lt: key,
    limit: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    reverse: fc.boolean(),
    seek: fc.option(key, { nil: undefined }),
  }),
)

type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** What a database answers to some actions. */
async function answersOf(level: Bytes, actions: readonly Action[]): Promise<unknown[]> {
  const answers: unknown[] = []
  let batch = level.batch()
  // LevelDB ends the process when it seeks outside of a range in an empty database; a state's database is never empty.
  batch.put(Buffer.from([255, 255, 255]), Buffer.from([0]))
  await batch.write()
  batch = level.batch()
  for (const each of actions) {
    if (each.kind === 'put') batch.put(each.key, Buffer.from([each.value]))
    else if (each.kind === 'delete') batch.del(each.key)
    else if (each.kind === 'write') {
      await batch.write()
      batch = level.batch()
    } else {
      const { gte, lt, limit, reverse, seek } = each
      const range: BytesRange = { gte, lt, reverse, ...(limit !== undefined && { limit }) }
      const iterator = level.iterator(range)
      if (seek !== undefined) iterator.seek(seek)
      answers.push(
        (await iterator.nextv(100)).map(hex),
        (await level.keys(range).all()).map((found) => hex([found])),
      )
      await iterator.close()
      answers.push(hex([level.getSync(gte) ?? Buffer.alloc(0)]))
    }
  }
  await batch.write()
  await level.close()
  return answers
}

function hex(bytes: readonly Buffer[]): string {
  return bytes.map((each) => each.toString('hex')).join('=')
}

test('state in memory answers as LevelDB does, and is there when it is opened again', async () => {
  const property = fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
    const directory = mkdtempSync(`${tmpdir()}/millrace-levels-`)
    const levels = new MemoryLevels()
    try {
      for (const part of [actions, actions.filter(({ kind }) => kind === 'range')]) {
        const expected = await answersOf(await levelDb.open(directory), part)
        expect(await answersOf(await levels.open(directory), part)).toEqual(expected)
      }
      await levels.open(directory)
      await expect(levels.open(directory)).rejects.toMatchObject({ code: 'LEVEL_LOCKED' })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
  await fc.assert(property, { numRuns: 60 })
})

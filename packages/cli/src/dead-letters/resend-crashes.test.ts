import { memoryLog } from '@millrace/connectors/memory'
import type { Log, PartitionWriter, TransactionalWriter } from '@millrace/core'
import { deadLetterHeaders } from '@millrace/core/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RAW_CONTENT } from '../raw-content.ts'
import { sendAgain } from './send-again.ts'

/** What becomes of the commits of one command, one after the other. */
type Outcome = 'done' | 'fails' | 'done, and the command dies'

/** A log whose transactional writers want a commit after every record, and whose commits come out as stated. */
function crashing(log: Log, outcomes: readonly Outcome[]): Log {
  const left = [...outcomes]
  const openTransactionalWriter = async (id: string): Promise<TransactionalWriter> => {
    const writer = await log.openTransactionalWriter(id)
    return new Proxy(writer, {
      get(target, name) {
        if (name === 'backlogged') return true
        if (name === 'flush') return async () => 'commit'
        if (name === 'commit') {
          return async () => {
            const outcome = left.shift() ?? 'done'
            if (outcome === 'fails') throw new Error('crash')
            await target.commit([])
            if (outcome !== 'done') throw new Error('crash')
          }
        }
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
  return new Proxy(log, {
    get(target, name) {
      if (name === 'openTransactionalWriter') return openTransactionalWriter
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function valuesIn(log: Log, topic: string, partition: number): Promise<string[]> {
  const reader = log.openReader()
  const values: string[] = []
  const from = await reader.assign(topic, partition, 0)
  for (let batch = from.poll(); batch !== undefined; batch = from.poll()) {
    while (batch.next()) values.push(batch.bytes.toString('utf8', batch.valueStart, batch.valueEnd))
  }
  await reader.close()
  return values
}

interface Round {
  /** For each letter: its partition among the dead letters, and that of its record; undefined if it cannot be sent. */
  readonly letters: readonly (readonly [from: number, to: number | undefined])[]
  readonly outcomes: readonly Outcome[]
}

const rounds: fc.Arbitrary<readonly Round[]> = fc.array(
  fc.record({
    letters: fc.array(fc.tuple(fc.nat(1), fc.option(fc.nat(1), { nil: undefined, freq: 5 })), { maxLength: 6 }),
    outcomes: fc.array(fc.constantFrom<Outcome>('done', 'done', 'fails', 'done, and the command dies'), {
      maxLength: 4,
    }),
  }),
  { minLength: 1, maxLength: 5 },
)

test('each record is sent once, in the order of its partition, wherever the command dies', async () => {
  await fc.assert(
    fc.asyncProperty(rounds, async (all) => {
      const log = memoryLog()
      for (const name of ['orders', 'dead']) await log.admin.createTopic(name, { partitions: 2 })
      const sent: string[][][] = [0, 1].map(() => [0, 1].map(() => []))
      const writer = log.openWriter()
      const append = (to: PartitionWriter, value: string, partition: number | undefined) => {
        const letter = { error: 'CALLBACK_FAILED', message: '' }
        const headers = deadLetterHeaders(
          partition === undefined ? letter : { ...letter, input: { topic: 'orders', partition, offset: 0 } },
        )
        to.append(0, null, 0, 0, value, RAW_CONTENT, headers)
      }
      let number = 0
      for (const { letters, outcomes } of [...all, { letters: [], outcomes: [] }]) {
        for (const [from, to] of letters) {
          append(await writer.openPartition('dead', from), `${number}`, to)
          if (to !== undefined) sent[from]?.[to]?.push(`${number}`)
          number++
        }
        await writer.flush()
        const dead = (await log.admin.describeTopic('dead')) ?? expect.fail()
        await sendAgain(crashing(log, outcomes), dead, false).catch((error) =>
          expect(error).toEqual(new Error('crash')),
        )
      }
      for (const to of [0, 1]) {
        const values = await valuesIn(log, 'orders', to)
        expect(values).toHaveLength([0, 1].flatMap((from) => sent[from]?.[to] ?? []).length)
        for (const from of [0, 1]) {
          const expected = sent[from]?.[to] ?? []
          expect(values.filter((value) => expected.includes(value))).toEqual(expected)
        }
      }
      await log.close()
    }),
    { numRuns: 60 },
  )
})

import assert from 'node:assert/strict'
import type { Log } from '../contracts/log.ts'
import type { PartitionWriter } from '../contracts/writers.ts'
import { throwsCode, valuesIn } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { write } from './records.ts'
import { seededChoices } from './seeded-choices.ts'

/** A writer of either kind, and how what was appended to it becomes readable. */
interface AnyWriter {
  readonly partition: PartitionWriter
  show(): Promise<unknown>
}

/** 300 of these are a batch and a half of the usual size (1 MiB). */
const LARGE = 'x'.repeat(5000)
const LARGE_RECORDS = 300

/** What is appended behind a mark is taken back, or stays, as the caller chooses. */
export function stretchesConformance({ test }: LogTests): void {
  const kinds: Readonly<Record<string, (log: Log) => Promise<AnyWriter>>> = {
    'a plain writer': async (log) => {
      const writer = log.openWriter()
      return { partition: await writer.openPartition('t', 0), show: () => writer.flush() }
    },
    'a transactional writer': async (log) => {
      const writer = await log.openTransactionalWriter('id')
      return { partition: await writer.openPartition('t', 0), show: () => writer.commit([]) }
    },
  }
  for (const [kind, open] of Object.entries(kinds)) {
    test(`${kind} takes back what was appended since the mark, and nothing else`, async (log) => {
      await log.admin.createTopic('t')
      const { partition, show } = await open(log)
      write(partition, 'k', 'before')
      partition.mark()
      write(partition, 'k', 'taken back')
      write(partition, null, null)
      partition.rewind()
      write(partition, 'k', 'after')
      partition.mark()
      write(partition, 'k', 'kept')
      partition.release()
      await show()
      assert.deepEqual(await valuesIn(log), ['before', 'after', 'kept'])
    })

    test(`${kind} takes back a first record, and then has nothing to show`, async (log) => {
      await log.admin.createTopic('t')
      const { partition, show } = await open(log)
      partition.mark()
      write(partition, 'k', 'taken back', 7)
      partition.rewind()
      await show()
      assert.deepEqual(await valuesIn(log, 0, 'uncommitted'), [])
      write(partition, 'k', 'first', 5)
      await show()
      assert.deepEqual(await valuesIn(log), ['first'])
      assert.equal(await log.admin.offsetAt('t', 0, 6), (await log.admin.offsets('t', 0)).end)
    })

    test(`${kind} shows nothing of a stretch, however much it is, before it is released`, async (log) => {
      await log.admin.createTopic('t')
      const { partition, show } = await open(log)
      write(partition, 'k', 'before')
      partition.mark()
      for (let n = 0; n < LARGE_RECORDS; n++) write(partition, 'k', LARGE)
      assert.deepEqual(await valuesIn(log, 0, 'uncommitted'), [])
      partition.rewind()
      partition.mark()
      for (let n = 0; n < LARGE_RECORDS; n++) write(partition, 'k', `${n}${LARGE}`)
      assert.deepEqual(await valuesIn(log, 0, 'uncommitted'), [])
      partition.release()
      write(partition, 'k', 'after')
      await show()
      const expected = Array.from({ length: LARGE_RECORDS }, (_, n) => `${n}${LARGE}`)
      assert.deepEqual(await valuesIn(log), ['before', ...expected, 'after'])
    })

    test(`${kind} keeps a stretch in which a record was refused`, async (log) => {
      await log.admin.createTopic('t', { recordBytesMax: 100 })
      const { partition, show } = await open(log)
      partition.mark()
      write(partition, 'k', 'one')
      throwsCode('RECORD_TOO_LARGE', () => write(partition, 'k', LARGE))
      throwsCode('BAD_TIMESTAMP', () => write(partition, 'k', 'v', -1))
      write(partition, 'k', 'two')
      partition.release()
      await show()
      assert.deepEqual(await valuesIn(log), ['one', 'two'])
    })

    test(`${kind} refuses a second mark, and to be flushed within a stretch`, async (log) => {
      await log.admin.createTopic('t')
      const { partition, show } = await open(log)
      partition.mark()
      write(partition, 'k', 'v')
      assert.throws(() => partition.mark(), /marked section/)
      await assert.rejects(show(), /marked section/)
    })

    test(`${kind} has what a list has after the same stretches are taken back`, async (log) => {
      await log.admin.createTopic('t')
      const { partition, show } = await open(log)
      const choices = seededChoices(kind.length)
      const expected: string[] = []
      let number = 0
      const append = () => {
        const value = `${number++} ${choices.below(4) === 0 ? LARGE.repeat(20) : ''}`
        write(partition, 'k', value, choices.below(1000))
        return value
      }
      for (let step = 0; step < 120; step++) {
        const choice = choices.below(8)
        if (choice === 0) await show()
        else if (choice < 4) expected.push(append())
        else {
          partition.mark()
          const stretch = Array.from({ length: choices.below(30) }, append)
          if (choices.below(2) === 0) {
            partition.release()
            expected.push(...stretch)
          } else partition.rewind()
        }
      }
      await show()
      assert.deepEqual(await valuesIn(log), expected)
    })
  }
}

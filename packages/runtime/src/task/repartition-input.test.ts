import { type Batch, type Headers, type PartitionReader, string } from '@millrace/core'
import { expect, test } from 'vitest'
import { IdentityHeader } from './record-identity.ts'
import { RepartitionInput } from './repartition-input.ts'

const KEY = Buffer.from('k')

/** A batch of records that a task sent, one for each input offset given. */
class SentBatch implements Batch {
  readonly topic = 'job.r.repartition'
  readonly partition = 0
  readonly baseOffset = 0
  readonly tombstonesGone = false
  readonly checksum = 0
  readonly timestamp = 1
  readonly keyStart = 0
  readonly keyEnd = KEY.length
  readonly valueStart = 0
  readonly valueEnd = KEY.length
  readonly headerStart = KEY.length
  offset = -1
  bytes: Buffer = Buffer.alloc(0)
  readonly #identities: readonly number[]

  constructor(identities: readonly number[]) {
    this.#identities = identities
  }

  get nextOffset(): number {
    return this.#identities.length
  }

  get headerEnd(): number {
    return this.bytes.length
  }

  recordsChecksum(): number {
    return 0
  }

  next(): boolean {
    const identity = this.#identities[++this.offset]
    if (identity === undefined) return false
    const header = new IdentityHeader(2)
    header.set(7, identity, 0, 0)
    this.bytes = Buffer.concat([KEY, header.headers[0][1] ?? KEY])
    return true
  }

  valueText(): string {
    return KEY.toString()
  }

  headers(): Headers {
    return []
  }

  findHeader(name: string): boolean {
    return name === 'm'
  }
}

function readerOf(batch: Batch): PartitionReader {
  let given = false
  return {
    topic: batch.topic,
    partition: batch.partition,
    position: 0,
    endOffset: batch.nextOffset,
    compactedBefore: 0,
    poll: () => {
      if (given) return undefined
      given = true
      return batch
    },
    secure: async () => {},
    secured: true,
    seek: () => undefined,
    close: () => undefined,
  }
}

function inputOver(batch: Batch, repeats: { count: number }): RepartitionInput {
  const spec = {
    topic: batch.topic,
    partition: 0,
    key: string(),
    value: string(),
    readsKey: true,
    readsValue: false,
  }
  const input = new RepartitionInput(
    spec,
    () => undefined,
    {
      taken: () => undefined,
      repeat: () => {
        repeats.count++
      },
    },
    1000,
  )
  input.start(readerOf(batch), true)
  return input
}

test('a head that was not processed before a checkpoint does not count as a repeat after it', () => {
  const repeats = { count: 0 }
  const before = inputOver(new SentBatch([10, 11]), repeats)
  before.load(undefined)
  expect(before.head).toBe('record')
  before.consume()
  // The second record is the head, decoded and looked at, while another input's record goes first.
  expect(before.head).toBe('record')
  const checkpoint = JSON.parse(JSON.stringify(before.checkpoint()))
  expect(checkpoint.offset).toBe(1)

  const after = inputOver(new SentBatch([11]), repeats)
  after.load(checkpoint)
  expect(after.head).toBe('record')
  expect(repeats.count).toBe(0)
})

test('what a sender sent again after a crash is dropped, also after a restart of the reader', () => {
  const repeats = { count: 0 }
  const before = inputOver(new SentBatch([10, 11, 10, 11]), repeats)
  before.load(undefined)
  let taken = 0
  for (let { head } = before; head !== 'none'; head = before.head) {
    if (head === 'notice') before.takeNotice()
    else {
      before.consume()
      taken++
    }
  }
  expect(taken).toBe(2)
  expect(repeats.count).toBe(2)
  const after = inputOver(new SentBatch([11, 12]), repeats)
  after.load(JSON.parse(JSON.stringify(before.checkpoint())))
  expect(after.head).toBe('notice')
  after.takeNotice()
  expect(after.head).toBe('record')
  expect(after.batch.offset).toBe(1)
  expect(repeats.count).toBe(3)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IDENTITY_BYTES, IdentityHeader, inputIdOf, RepeatFilter, readAhead } from './record-identity.ts'

interface Sent {
  readonly partition: number
  readonly input: number
  readonly offset: number
  readonly number: number
}

function bytesOf({ partition, input, offset, number }: Sent): Buffer {
  const header = new IdentityHeader(partition)
  header.set(input, offset, number, 0)
  return Buffer.from(header.headers[0][1] ?? [])
}

function takes(filter: RepeatFilter, sent: Sent): boolean {
  const bytes = bytesOf(sent)
  if (filter.isRepeat(bytes, 0)) return false
  filter.remember(bytes, 0)
  return true
}

const offsets = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

test('each record of an input is taken once, however often any tail of them is sent again', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(offsets, fc.integer({ min: 0, max: 3 })), { selector: String, minLength: 1 }),
      fc.array(fc.nat()),
      (records, restarts) => {
        const sorted = records.sort((a, b) => a[0] - b[0] || a[1] - b[1])
        const sent: Sent[] = sorted.map(([offset, number]) => ({ partition: 1, input: 7, offset, number }))
        const filter = new RepeatFilter()
        const taken: Sent[] = []
        for (const from of [0, ...restarts, 0]) {
          for (const record of sent.slice(from % sent.length)) if (takes(filter, record)) taken.push(record)
        }
        // A first run that starts late is not a restart: it must have started at 0.
        expect(taken).toEqual(sent)
      },
    ),
  )
})

test('identities of other tasks and other inputs are distinguished', () => {
  const filter = new RepeatFilter()
  expect(takes(filter, { partition: 0, input: 1, offset: 5, number: 0 })).toBe(true)
  expect(takes(filter, { partition: 1, input: 1, offset: 5, number: 0 })).toBe(true)
  expect(takes(filter, { partition: 0, input: 2, offset: 5, number: 0 })).toBe(true)
  expect(takes(filter, { partition: 0, input: 1, offset: 5, number: 0 })).toBe(false)
})

test('a record that was only looked at is not remembered', () => {
  const filter = new RepeatFilter()
  const bytes = bytesOf({ partition: 0, input: 1, offset: 5, number: 0 })
  expect(filter.isRepeat(bytes, 0)).toBe(false)
  expect(filter.isRepeat(bytes, 0)).toBe(false)
})

test('a saved filter recognizes after a restart the same repeats as before', () => {
  const before = new RepeatFilter()
  takes(before, { partition: 3, input: 1, offset: 2 ** 40, number: 9 })
  const after = new RepeatFilter()
  after.load(JSON.parse(JSON.stringify(before.save())))
  expect(takes(after, { partition: 3, input: 1, offset: 2 ** 40, number: 9 })).toBe(false)
  expect(takes(after, { partition: 3, input: 1, offset: 2 ** 40, number: 10 })).toBe(true)
})

test('a watermark travels with a record at any distance, and costs nothing where it is the time of the record', () => {
  const far = { min: -8.64e15, max: 8.64e15 }
  fc.assert(
    fc.property(fc.oneof(fc.integer({ min: -200, max: 20_000 }), fc.integer(far)), fc.nat(), (ahead, number) => {
      const header = new IdentityHeader(3)
      header.set(7, 2 ** 40, number, ahead)
      const bytes = Buffer.concat([Buffer.of(0xff), header.headers[0][1] ?? Buffer.of()])
      expect(readAhead(bytes, 1, bytes.length)).toBe(ahead)
      if (ahead === 0) expect(bytes.length).toBe(1 + IDENTITY_BYTES)
      if (Math.abs(ahead) < 64 * 128) expect(bytes.length).toBeLessThanOrEqual(1 + IDENTITY_BYTES + 2)
      header.set(7, 1, number, 0)
      expect(header.headers[0][1]).toHaveLength(IDENTITY_BYTES)
    }),
  )
})

test('each input has another number', () => {
  expect(inputIdOf('flights')).not.toBe(inputIdOf('weather'))
  expect(inputIdOf('flights')).toBe(inputIdOf('flights'))
})

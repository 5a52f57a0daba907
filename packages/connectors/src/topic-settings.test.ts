import type { TopicSettings } from '@millrace/core'
import { expect, test } from 'vitest'
import { fillSettings } from './topic-settings.ts'

test('by default a topic has one partition, segments of 256 MiB, records of up to 1 MiB, and no retention', () => {
  expect(fillSettings('t', {})).toEqual({
    partitions: 1,
    cleanup: 'delete',
    retentionMs: null,
    retentionBytes: null,
    segmentBytes: 268_435_456,
    recordBytesMax: 1_048_576,
  })
})

test.each<[keyof TopicSettings, number, number]>([
  ['partitions', 1, 10_000],
  ['segmentBytes', 1024, Number.MAX_SAFE_INTEGER],
  ['recordBytesMax', 1, 1_073_741_824],
  ['retentionMs', 1, Number.MAX_SAFE_INTEGER],
  ['retentionBytes', 1, Number.MAX_SAFE_INTEGER],
])('the setting %s goes from %d to %d', (name, from, to) => {
  for (const value of [from, to]) expect(fillSettings('t', { [name]: value })[name]).toBe(value)
  for (const value of [from - 1, to + 1, from + 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => fillSettings('t', { [name]: value }), `${value}`).toThrow(
      expect.objectContaining({ code: 'BAD_TOPIC_SETTINGS', message: expect.stringContaining(`${name} is`) }),
    )
  }
})

test('all wrong settings are reported at once', () => {
  const given = { partitions: 0, segmentBytes: 1, cleanup: 'never' as 'delete' }
  expect(() => fillSettings('t', given)).toThrow(/partitions is 0.*segmentBytes is 1.*cleanup is "never"/)
})

import { isoTime } from '@millrace/core/internal'
import { InvalidArgumentError } from 'commander'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseStart } from './topics/tail-start.ts'
import {
  durationMs,
  httpUrl,
  portNumber,
  positiveDurationMs,
  positiveNumber,
  sizeBytes,
  timeMs,
  wholeNumber,
} from './values.ts'

test('times are ms or ISO dates, and UTC where they name no zone', () => {
  const eight = Date.UTC(2001, 0, 31, 8)
  expect([timeMs('2001-01-31T08:00'), timeMs('2001-01-31 08:00'), timeMs('2001-01-31T09:00+01:00')]).toEqual([
    eight,
    eight,
    eight,
  ])
  expect([timeMs('2001-01-31'), timeMs('-5')]).toEqual([Date.UTC(2001, 0, 31), -5])
})

test('text that only looks like a date is refused', () => {
  expect(['2001', '31.1.2001', '2001-13-01', 'now', ''].map(isoTime)).toEqual(Array(5).fill(undefined))
})

test.each([
  ['2001-02-30'],
  ['2001-02-29'],
  ['1900-02-29'],
  ['2001-04-31T10:00'],
  ['2001-00-10'],
  ['2001-01-00'],
  ['2001-01-32'],
  ['2001-01-31T25:00'],
  ['2001-01-31T24:01'],
  ['2001-01-31T24:00:00.001'],
  ['2001-01-31T10:60'],
  ['2001-01-31T10:00:60'],
  ['2001-01-31T10:00+24:00'],
  ['2001-01-31T10:00+01:60'],
])('a date that does not exist is refused: %s', (text) => {
  expect(isoTime(text)).toBeUndefined()
  expect(() => timeMs(text)).toThrow(InvalidArgumentError)
  expect(() => parseStart(text)).toThrow(InvalidArgumentError)
})

test.each([
  ['2000-02-29', '2000-02-29T00:00:00.000Z'],
  ['2001-01-31T24:00', '2001-02-01T00:00:00.000Z'],
  ['2001-01-31Z', '2001-01-31T00:00:00.000Z'],
  ['2001-01-31T10:00:00.9999', '2001-01-31T10:00:00.999Z'],
  ['2001-01-31T10:00:00.5-0130', '2001-01-31T11:30:00.500Z'],
  ['0050-01-31', '0050-01-31T00:00:00.000Z'],
])('a date that exists is read: %s', (text, iso) => {
  expect(isoTime(text)).toBe(Date.parse(iso))
})

test('every time is read as it is printed', () => {
  const times = fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  fc.assert(
    fc.property(times, (time) => {
      expect(isoTime(time.toISOString())).toBe(time.getTime())
    }),
  )
})

test('sizes are powers of 1024, durations have a unit', () => {
  expect([sizeBytes('1000'), sizeBytes('64k'), sizeBytes('2G')]).toEqual([1000, 65_536, 2 ** 31])
  expect([durationMs('500ms'), durationMs('10s'), durationMs('7d')]).toEqual([500, 10_000, 604_800_000])
})

test('a tail starts at an end, an offset or a time', () => {
  expect(['start', 'end', '12', '2001-01-31'].map((text) => parseStart(text))).toEqual([
    { kind: 'start' },
    { kind: 'end' },
    { kind: 'offset', offset: 12 },
    { kind: 'time', timestamp: Date.UTC(2001, 0, 31) },
  ])
})

test.each([
  ['wholeNumber', wholeNumber, ['-1', '1.5', '1e3', '', ' 1', '99999999999999999']],
  ['positiveNumber', positiveNumber, ['0', '-1']],
  ['portNumber', portNumber, ['65536', 'http']],
  ['sizeBytes', sizeBytes, ['1kb', 'k', '-1', '1.5m']],
  ['durationMs', durationMs, ['7', '1w', 's', '-1s']],
  ['positiveDurationMs', positiveDurationMs, ['0s', '100']],
  ['timeMs', timeMs, ['yesterday', '1.5']],
  ['parseStart', parseStart, ['middle', '-1', '1.5']],
] as const)('%s refuses what it cannot read', (_name, parse, texts) => {
  for (const text of texts) expect(() => parse(text), text).toThrow(InvalidArgumentError)
})

test.each([
  ['localhost:4711', 'http://localhost:4711'],
  ['127.0.0.1:4711/', 'http://127.0.0.1:4711'],
  ['[::1]:4711', 'http://[::1]:4711'],
  ['http://localhost:4711/', 'http://localhost:4711'],
  ['https://ops.example.com/millrace', 'https://ops.example.com/millrace'],
])('the address %s is %s', (text, url) => {
  expect(httpUrl(text)).toBe(url)
})

test.each(['ftp://localhost', 'http://', ':4711', ''])('%j is refused as an address', (text) => {
  expect(() => httpUrl(text)).toThrow(/Give an address such as/)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GroupedScan } from './time-scan.ts'

function scanOf(ids: readonly string[], after?: string, keyAt = 0): GroupedScan<string> {
  const cached = ids[Symbol.iterator]()
  return new GroupedScan({ time: 0, keyAt, cached, nextPage: () => false, read: (id) => id }, after)
}

test('an entry is after the places of the entries before it, and of no other, also when the scan continues', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3, unit: 'binary-ascii' }), { maxLength: 20 }),
      fc.nat(20),
      (ids, from) => {
        const places: string[] = []
        const whole = scanOf(ids)
        for (let step = whole.step(); step !== 'end'; step = whole.step()) {
          if (step === 'entry') places.push(whole.place ?? '')
        }
        expect(places).toHaveLength(ids.length)
        const continued = scanOf(ids, places[from])
        for (let step = continued.step(); step !== 'end'; step = continued.step()) {
          if (step !== 'entry') continue
          const at = places.indexOf(continued.place ?? '')
          expect(places.map((place) => continued.isAfter(place))).toEqual(places.map((_, index) => index < at))
        }
      },
    ),
  )
})

test('the entries of one key come in the order of what is before it in their ids', () => {
  const ids = ['a', 'b', 'c'].flatMap((key) =>
    Array.from({ length: 50 }, (_, number) => `${String(number).padStart(2, '0')}${key}`),
  )
  const scan = scanOf(ids.toReversed(), undefined, 2)
  const found: string[] = []
  for (let step = scan.step(); step !== 'end'; step = scan.step()) if (step === 'entry') found.push(scan.entry)
  for (const key of ['a', 'b', 'c']) {
    const ofKey = (id: string) => id.endsWith(key)
    expect(found.filter(ofKey)).toEqual(ids.filter(ofKey))
  }
})

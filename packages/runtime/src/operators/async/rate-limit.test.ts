import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RateLimit } from './rate-limit.ts'

test('at no time more tries have begun than allowed within the span before it, and none waits longer than it must', () => {
  const steps = fc.array(fc.nat(30), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 50 }), steps, (calls, perMs, waits) => {
      const limit = new RateLimit({ calls, perMs })
      const begun: number[] = []
      let now = 0
      for (const wait of waits) {
        now += wait
        const within = begun.filter((time) => time > now - perMs)
        const answer = limit.take(now)
        if (within.length < calls) {
          expect(answer).toBe(0)
          begun.push(now)
        } else expect(answer).toBe((within[0] ?? 0) + perMs - now)
      }
    }),
  )
})

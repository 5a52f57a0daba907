import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SettledPosition } from './settled-position.ts'

/** What happens in a task whose records go through two steps with calls: a record comes, or a step ends one of its calls. */
const happening = fc.oneof(
  fc.record({ kind: fc.constant('record' as const) }),
  fc.record({ kind: fc.constant('done' as const), step: fc.nat(1), which: fc.nat(5) }),
  fc.record({ kind: fc.constant('look' as const) }),
)

/** A step that holds the numbers of records until their calls are done, in any order. */
class Step {
  begun = 0
  readonly #waiting: { readonly call: number; readonly record: number }[] = []

  take(record: number): void {
    this.#waiting.push({ call: this.begun++, record })
  }

  end(which: number): number | undefined {
    return this.#waiting.splice(which % Math.max(1, this.#waiting.length), 1)[0]?.record
  }

  get doneBefore(): number {
    return this.#waiting[0]?.call ?? this.begun
  }

  get records(): readonly number[] {
    return this.#waiting.map(({ record }) => record)
  }

  readonly full = false
  stop(): void {}
}

test('a settled position has no record before it that waits in a step, and comes to the present once none waits', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 120 }), (happenings) => {
      const steps = [new Step(), new Step()] as const
      const settled = new SettledPosition(steps)
      let records = 0
      const look = () => settled.update(() => ({ topic: { 0: records } }))['topic']?.[0] ?? 0
      let before = 0
      for (const each of happenings) {
        if (each.kind === 'record') steps[0].take(records++)
        else if (each.kind === 'done') {
          const record = steps[each.step === 0 ? 0 : 1].end(each.which)
          if (record !== undefined && each.step === 0) steps[1].take(record)
        } else {
          const position = look()
          const waiting = [...steps[0].records, ...steps[1].records]
          for (const record of waiting) expect(record).toBeGreaterThanOrEqual(position)
          if (waiting.length === 0) expect(position).toBe(records)
          expect(position).toBeGreaterThanOrEqual(before)
          before = position
        }
      }
    }),
  )
})

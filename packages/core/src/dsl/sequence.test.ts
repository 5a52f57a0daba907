import { describe, expect, expectTypeOf, test } from 'vitest'
import { json } from '../serdes/json.ts'
import { string } from '../serdes/string.ts'
import { job } from './job.ts'
import { type Sequence, sequence } from './sequence.ts'
import type { Stream } from './stream.ts'
import { stream } from './stream-of.ts'
import { topic } from './topic.ts'

type Step = { readonly kind: 'click'; readonly x: number } | { readonly kind: 'key'; readonly text: string }

const steps = topic('steps', { key: string(), value: json<Step>() })
const matches = topic('matches', { key: string(), value: json<object>() })

const isClick = (step: Step): step is Extract<Step, { kind: 'click' }> => step.kind === 'click'

describe('a sequence', () => {
  test('has the values of its steps by their names, and lists where a step takes several', () => {
    const pattern = sequence<Step>()
      .then('first', isClick)
      .then('texts', (step, { first }) => step.kind === 'key' && step.text.length > first.x, { times: 2 })
      .then('last', isClick, { strict: true })
      .within('1m')
    expectTypeOf(pattern).toExtend<
      Sequence<
        Step,
        {
          readonly first: { readonly x: number }
          readonly texts: readonly Step[]
          readonly last: { readonly x: number }
        }
      >
    >()
    const found = stream(steps).match('found', pattern, { grace: '10s' })
    const values = found.mapValues(({ first, texts }) => first.x + texts.length)
    expectTypeOf(values).toEqualTypeOf<Stream<string, number>>()
    expectTypeOf(found.late()).toEqualTypeOf<Stream<string, Step>>()
    expect(() => job('a', found.to(matches), found.late().to(matches))).not.toThrow()
  })

  test('that cannot be looked for is refused', () => {
    const one = sequence<Step>().then('one', isClick)
    expect(() => one.within('soon' as '1s')).toThrow(expect.objectContaining({ code: 'JOB_INVALID' }))
    expect(() => one.then('one', isClick).within('1s')).toThrow('two steps have the same name')
    expect(() => one.then('two', isClick, { times: 0 }).within('1s')).toThrow('times of step two must be')
    expect(() => stream(steps).match('m', one.within('1s'), { attempts: 0.5 })).toThrow('attempts must be')
    const bad = stream(steps).match('m', one.within('1s'), { grace: -1 })
    expect(() => job('a', bad.to(matches))).toThrow(/Step match "m.order" cannot wait for records: grace must be/)
  })

  test('that is not finished cannot be awaited', async () => {
    await expect(Promise.resolve(sequence<Step>() as unknown)).rejects.toThrow('End it with within')
  })
})

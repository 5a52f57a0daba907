import { describe, expect, test } from 'vitest'
import { parametersSeen } from './step-flow.ts'

describe('how many parameters a function can see', () => {
  test('an arrow function sees the parameters that it names', () => {
    expect(parametersSeen(() => 1)).toBe(0)
    expect(parametersSeen((value: number) => value)).toBe(1)
    expect(parametersSeen(({ delay }: { delay: number }) => delay)).toBe(1)
    expect(parametersSeen((value: number, key: string) => key + value)).toBe(2)
    expect(parametersSeen(new Function('return größe => größe')() as () => void)).toBe(1)
    expect(parametersSeen(new Function('return async v => v')() as () => void)).toBe(1)
  })

  test('any function that may see more is taken to see everything', () => {
    const all = Number.POSITIVE_INFINITY
    expect(parametersSeen((value: number, key = 'x') => key + value)).toBe(all)
    expect(parametersSeen((...values: unknown[]) => values)).toBe(all)
    expect(parametersSeen(({ delay = 1 }: { delay?: number }) => delay)).toBe(all)
    expect(parametersSeen(new Function('return function (value) { return value }')() as () => void)).toBe(all)
    const methods = {
      add(value: number): number {
        return value
      },
    }
    expect(parametersSeen(methods.add)).toBe(all)
    expect(parametersSeen(Math.max)).toBe(all)
    expect(parametersSeen(((value: number) => value).bind(null))).toBe(all)
  })

  test('a comment between parameters does not hide one', () => {
    const commented = new Function('return (value /* ) => */, key) => key')() as () => void
    expect(parametersSeen(commented)).toBe(Number.POSITIVE_INFINITY)
  })
})

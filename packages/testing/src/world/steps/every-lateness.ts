import type { StepsPlan } from './steps-plan.ts'

/** By how much the watermark may be past an event: the time from the event to the end of its window, and the grace. */
export function everyLateness({ size, grace }: NonNullable<StepsPlan['every']>) {
  // It is late once the watermark has come to the end of the window and the grace.
  return (time: number) => size - (time % size) + grace - 1
}

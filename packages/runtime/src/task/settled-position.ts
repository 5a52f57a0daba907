import type { Position } from '@millrace/core'
import type { CallProgress } from '../operators/time/clocked.ts'

/** A position whose effects wait for calls. */
interface Awaited {
  readonly position: Position
  /** The step whose calls are awaited: what they give may come to the steps behind it. */
  stage: number
  /** Its calls before this number are awaited. */
  before: number
}

/**
 * The source positions whose effects have all come about, while steps wait for calls to the outside world. It follows one
 * position at a time through the steps with calls, so it may be behind by as long as a few calls take, and never ahead.
 */
export class SettledPosition {
  readonly #steps: readonly CallProgress[]
  #settled: Position = {}
  #awaited: Awaited | undefined

  /** `steps`: each after those that it gets records from. */
  constructor(steps: readonly CallProgress[]) {
    this.#steps = steps
  }

  /** Where the effects are whose results are still to come. */
  get last(): Position {
    return this.#settled
  }

  /** Takes the position that a checkpoint holds. */
  resume(position: Position): void {
    this.#settled = position
    this.#awaited = undefined
  }

  /** The settled position, if the task's inputs have come to `present` and no results are still to come but those of calls. */
  update(present: () => Position): Position {
    if (this.#steps.every(isDone)) {
      this.#awaited = undefined
      this.#settled = present()
      return this.#settled
    }
    this.#follow()
    this.#awaited ??= { position: present(), stage: 0, before: this.#begun(0) }
    return this.#settled
  }

  /** Goes on to the next step once the awaited calls of one are done: what they gave has come to it then. */
  #follow(): void {
    const awaited = this.#awaited
    if (awaited === undefined) return
    for (let step = this.#steps[awaited.stage]; step !== undefined; step = this.#steps[awaited.stage]) {
      if (step.doneBefore < awaited.before) return
      awaited.stage++
      awaited.before = this.#begun(awaited.stage)
    }
    this.#settled = awaited.position
    this.#awaited = undefined
  }

  #begun(stage: number): number {
    return this.#steps[stage]?.begun ?? 0
  }
}

/** Whether a step has no call that is not done. */
function isDone({ doneBefore, begun }: CallProgress): boolean {
  return doneBefore >= begun
}

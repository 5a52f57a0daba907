import type { PlanNode, StepNode } from '@millrace/core/internal'
import { ClosableInput, type ClosingTime } from './closing.ts'
import { CombinedTime, type EventTime, HeldTime, type PendingResults } from './event-time.ts'
import type { TaskInput } from './input.ts'

/**
 * The event time at each step of a task: the time that its inputs, and the steps on the way that emit late, have reached.
 * Steps whose records come from the same places share one.
 */
export class TaskTimes {
  readonly #inputs: ReadonlyMap<PlanNode, TaskInput>
  readonly #idleAfterMs: number
  readonly #closing: ClosingTime | undefined
  readonly #times = new Map<string, EventTime>()
  readonly #held = new Map<PlanNode, EventTime>()

  /** `inputs`: by the node that reads each. `idleAfterMs`: see `CombinedTime`. `closing`: what moves time beyond the inputs. */
  constructor(inputs: ReadonlyMap<PlanNode, TaskInput>, idleAfterMs: number, closing?: ClosingTime) {
    this.#inputs = inputs
    this.#idleAfterMs = idleAfterMs
    this.#closing = closing
  }

  /** All of them, each after those that it depends on. */
  get all(): readonly EventTime[] {
    return [...this.#times.values()]
  }

  /** The time of the whole task: the least of all its inputs. */
  get whole(): EventTime {
    return this.#combined([...this.#inputs.values()].map((input) => this.#ofInput(input)))
  }

  /** The time of the records that leave a step. */
  after(node: PlanNode): EventTime {
    const input = this.#inputs.get(node)
    if (input !== undefined) return this.#ofInput(input)
    const held = this.#held.get(node)
    if (held !== undefined) return held
    if (node.kind === 'source' || node.kind === 'globalSource')
      throw new Error(`Source ${node.label} is not read by this task`)
    return this.before(node)
  }

  /** The time of the records that come to a step. */
  before(node: StepNode): EventTime {
    // Late records pass a step with their time unchanged; the step holds back only results.
    const steps = node.inputs.flatMap((step, port) => (node.takes[port] === 'late' ? step.inputs : [step]))
    // A global table has no part in event time.
    return this.#combined(steps.filter(({ kind }) => kind !== 'globalSource').map((step) => this.after(step)))
  }

  /** The results of `node` come later than the records that they are computed from. */
  hold(node: PlanNode, name: string, before: EventTime, step: PendingResults): void {
    this.#held.set(
      node,
      this.#named(`final ${name}`, () => new HeldTime(`final ${name}`, before, step)),
    )
  }

  /** Another time begins behind `node`. It depends on that of what comes to the step. */
  begin(node: PlanNode, time: EventTime): void {
    this.#held.set(
      node,
      this.#named(time.name, () => time),
    )
  }

  #ofInput(input: TaskInput): EventTime {
    const part = this.#closing === undefined ? input : new ClosableInput(input, this.#closing)
    return this.#named(input.topic, () => new CombinedTime(input.topic, [part], this.#idleAfterMs))
  }

  #combined(parts: readonly EventTime[]): EventTime {
    const distinct = [...new Set(parts)].sort((a, b) => (a.name < b.name ? -1 : 1))
    const [only] = distinct
    if (only !== undefined && distinct.length === 1) return only
    const name = distinct.map((part) => part.name).join(', ')
    return this.#named(name, () => new CombinedTime(name, distinct, this.#idleAfterMs))
  }

  #named(name: string, make: () => EventTime): EventTime {
    let time = this.#times.get(name)
    if (time === undefined) {
      time = make()
      this.#times.set(name, time)
    }
    return time
  }
}

import { callResultId, type SavedCalls, unorderedResultId } from '../../task/saved-calls.ts'
import type { QueuedCall } from './queued-call.ts'

/** The identity of results, in what they cause: that of the last one, and how many records of repartition topics it has caused. */
export interface ResultId {
  readonly id: number
  offset: number
  outputs: number
}

/**
 * Numbers what results cause, for those who read it behind repartition topics. Results that leave in the order of their records are
 * known by these: by input and offset, so that the numbers are the same whenever the job does it again. Others are counted.
 */
export class ResultIds {
  readonly #step: string
  readonly #byInput = new Map<number, ResultId>()
  readonly #unordered: ResultId

  constructor(step: string) {
    this.#step = step
    this.#unordered = { id: unorderedResultId(step), offset: -1, outputs: 0 }
  }

  /** The identity of a result that leaves now. */
  next({ inputId, offset }: QueuedCall, isUnordered: boolean): ResultId {
    const id = isUnordered ? this.#unordered : this.#ofInput(inputId)
    const at = isUnordered ? id.offset + 1 : offset
    if (at === id.offset) return id
    id.offset = at
    id.outputs = 0
    return id
  }

  save(): Pick<SavedCalls, 'last' | 'unordered'> {
    const last = Array.from(this.#byInput, ([input, { offset, outputs }]) => [input, offset, outputs] as const)
    return { last, unordered: this.#unordered.offset + 1 }
  }

  resume({ last = [], unordered = 0 }: Partial<Pick<SavedCalls, 'last' | 'unordered'>>): void {
    for (const [inputId, offset, outputs] of last) Object.assign(this.#ofInput(inputId), { offset, outputs })
    this.#unordered.offset = unordered - 1
  }

  #ofInput(inputId: number): ResultId {
    const known = this.#byInput.get(inputId)
    if (known !== undefined) return known
    const id = { id: callResultId(this.#step, inputId), offset: -1, outputs: 0 }
    this.#byInput.set(inputId, id)
    return id
  }
}

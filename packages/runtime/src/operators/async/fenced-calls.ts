import type { PendingCall } from '@millrace/core/internal'
import type { OutputFence } from '../../task/output-fence.ts'
import { areIn, type CallRun, callRuns, type SavedCalls } from '../../task/saved-calls.ts'

type Call = PendingCall<unknown, unknown>

/** Decides, for a job that was set back, which results had left a step before: what they cause is not appended again. */
export class FencedCalls {
  #fence: OutputFence | undefined
  /** The records that were waiting once when the job was set back, and those of them whose results have left since. */
  #waiting: readonly CallRun[] = []
  #left: readonly CallRun[] = []

  /** `saved`: what the step saved each time that the job was set back. */
  begin(fence: OutputFence, saved: readonly SavedCalls[]): void {
    this.#fence = fence
    this.#waiting = saved.flatMap(({ waiting }) => waiting)
    this.#left = saved.flatMap(({ left }) => left)
  }

  /** Restores the progress; true if the state is from before the job was set back: then the job had processed all that it has. */
  resume({ left = [], setBack }: Partial<SavedCalls>): boolean {
    if (this.#fence === undefined) return false
    if (this.#fence.id !== setBack) return true
    this.#left = left
    return false
  }

  /** Whether the job had processed before what it processes now. */
  get isRepeat(): boolean {
    return this.#fence?.closed ?? false
  }

  /** Whether the result of a record had left. */
  hadLeft({ repeated, origin, index }: Call): boolean {
    if (this.#fence === undefined || !repeated) return false
    return !areIn(this.#waiting, origin, index) || areIn(this.#left, origin, index)
  }

  /** The result of a record leaves: opens the fence for it, or closes it. */
  leave(call: Call): void {
    if (this.#fence === undefined) return
    const hadLeft = this.hadLeft(call)
    this.#fence.closed = hadLeft
    if (!hadLeft && areIn(this.#waiting, call.origin, call.index)) this.#left = [...this.#left, ...callRuns([call])]
  }

  /** `calls`: the records whose results have not left. */
  save(calls: readonly Call[]): Pick<SavedCalls, 'waiting' | 'left' | 'repeated' | 'setBack'> {
    return {
      waiting: callRuns(calls.filter((call) => !this.hadLeft(call))),
      left: this.#left,
      repeated: calls.filter(({ repeated }) => repeated).length,
      ...(this.#fence !== undefined && { setBack: this.#fence.id }),
    }
  }
}

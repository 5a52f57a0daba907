import { inputIdOf } from './record-identity.ts'

/** Records of one origin whose calls were not done: from one index to another one, both included. */
export type CallRun = readonly [origin: string, first: number, last: number]

/** By the input of the records: the offset of the one whose result has left last, and how many records of repartition topics it has caused. */
export type LastResult = readonly [inputId: number, offset: number, outputs: number]

/** What a checkpoint holds about the calls of one step. */
export interface SavedCalls {
  readonly last: readonly LastResult[]
  /** How many results have left in no order that depends on the data alone. */
  readonly unordered: number
  /** The records whose results had not left the step, neither now nor before the job was set back. */
  readonly waiting: readonly CallRun[]
  /** The records that were waiting once when the job was set back, and whose results have left since. */
  readonly left: readonly CallRun[]
  /** How many calls are not done for records that the job had processed before it was set back. */
  readonly repeated: number
  /** When the job was set back last, if it does again what it had done: see `OutputFence.id`. */
  readonly setBack?: string
}

/** Whether the progress of a step, in a checkpoint, is that of calls. */
export function isSavedCalls(saved: unknown): saved is SavedCalls {
  return typeof saved === 'object' && saved !== null && 'waiting' in saved && 'left' in saved && 'unordered' in saved
}

/** Whether a record is in one of the runs. */
export function areIn(runs: readonly CallRun[], origin: string, index: number): boolean {
  return runs.some(([other, first, last]) => other === origin && index >= first && index <= last)
}

/** Records as runs: those of an origin that follow each other are one. */
export function callRuns(records: Iterable<{ readonly origin: string; readonly index: number }>): readonly CallRun[] {
  const runs: CallRun[] = []
  for (const { origin, index } of records) {
    const last = runs.at(-1)
    if (last !== undefined && last[0] === origin && last[2] + 1 === index)
      runs[runs.length - 1] = [origin, last[1], index]
    else runs.push([origin, index, index])
  }
  return runs
}

/** Identifies the results of a step's calls for the records of one input, in what they cause. */
export function callResultId(step: string, inputId: number): number {
  return inputIdOf(`\0call ${step} ${inputId}`)
}

/** As `callResultId`, for results that leave in no order that depends on the data alone. */
export function unorderedResultId(step: string): number {
  return inputIdOf(`\0unordered call ${step}`)
}

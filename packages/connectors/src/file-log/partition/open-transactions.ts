import { isControl, isTransactional, producerOf } from '../../record-batch/batch-header.ts'
import type { Producer } from '../../record-batch/format.ts'
import type { OpenTransaction } from './tail.ts'

export function sameTransaction(left: Producer, right: Producer): boolean {
  return left.id === right.id && left.epoch === right.epoch
}

/** The transactions that are open after a batch at `offset`, from those that were open before it. */
export function openAfter(
  open: readonly OpenTransaction[],
  buffer: Buffer,
  at: number,
  offset: number,
): readonly OpenTransaction[] {
  if (!isTransactional(buffer, at)) return open
  const producer = producerOf(buffer, at)
  const known = open.some((each) => sameTransaction(each, producer))
  if (isControl(buffer, at)) return known ? open.filter((each) => !sameTransaction(each, producer)) : open
  return known ? open : [...open, { ...producer, firstOffset: offset }]
}

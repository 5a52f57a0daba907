import { readTime, TIME_BYTES, writeTime } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import { bytes } from './bytes.ts'
import { describeValue } from './describe-value.ts'

/** How far the top of a group of rows reaches. */
export interface ReachOfTop {
  /** How many rows are at the top. */
  readonly count: number
  /** The place of the last of them. */
  readonly last: Uint8Array
}

const BYTES = bytes()

/** The number of rows, 8 bytes, and the place. */
export const REACH_OF_TOP: Serde<ReachOfTop> = {
  name: 'reach-of-top',
  order: 'none',
  primitive: false,
  encode({ count, last }, out) {
    writeTime(out, count)
    out.bytes(last)
  },
  decode(buffer, start, end) {
    if (end - start <= TIME_BYTES) throw new Error('the bytes are not a reach-of-top')
    return { count: readTime(buffer, start), last: BYTES.decode(buffer, start + TIME_BYTES, end) }
  },
  toJson: ({ count, last }) => ({ count, last: BYTES.toJson(last) }),
  fromJson(json) {
    if (typeof json !== 'object' || json === null || !('count' in json) || !('last' in json))
      throw new Error(`{ count, last } is needed, not ${describeValue(json)}`)
    if (typeof json.count !== 'number') throw new Error(`a number is needed, not ${describeValue(json.count)}`)
    return { count: json.count, last: BYTES.fromJson(json.last) }
  },
}

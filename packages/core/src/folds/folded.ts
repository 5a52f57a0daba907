import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { json } from '../serdes/json.ts'
import { strictUtf8 } from '../serdes/utf8.ts'
import type { FoldParts } from './fold.ts'

/** On disk, with the state: it names the layout `[result, rest]` as JSON, whatever the fold. */
const NAME = 'folded'

const JSON_SERDE = json<unknown>()

/** How the totals of a fold are stored: the result that a view shows, and the rest of the total, if the result is not all of it. */
export function totalsOf(fold: FoldParts<never, never, unknown>): Serde<unknown> {
  return {
    name: NAME,
    order: 'none',
    primitive: false,
    encode(total: unknown, out: ByteWriter): void {
      const result = fold.result(total)
      const rest = fold.rest(total, result)
      out.utf8(JSON.stringify(rest === undefined ? [result] : [result, rest]))
    },
    // Without `normalize`: a fold takes only what JSON can carry.
    decode(bytes: Buffer, start: number, end: number): unknown {
      const [result, rest] = stored(strictUtf8(bytes, start, end))
      return fold.restore(result, rest)
    },
    toJson: (total) => fold.result(total),
    fromJson: JSON_SERDE.fromJson,
  }
}

const RESULTS: Serde<unknown> = {
  name: NAME,
  order: 'none',
  primitive: false,
  encode(result: unknown, out: ByteWriter): void {
    out.utf8(JSON.stringify([result]))
  },
  decode: (bytes: Buffer, start: number, end: number) => stored(strictUtf8(bytes, start, end))[0],
  toJson: (result) => result,
  fromJson: JSON_SERDE.fromJson,
}

/** How a view reads the totals of any fold: as their results. It needs nothing of the job's code. */
export function resultsOfTotals(): Serde<unknown> {
  return RESULTS
}

function stored(text: string): readonly [result: unknown, rest?: unknown] {
  const value: unknown = JSON.parse(text)
  if (Array.isArray(value) && (value.length === 1 || value.length === 2)) return [value[0], value[1]]
  throw new Error('the bytes are not the total of a fold')
}

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { check } from './check.ts'
import {
  abandonedData,
  bitsOf,
  DAMAGED_ORDERS,
  damagedCopy,
  FILE_KINDS,
  type FileKind,
  finishedData,
  flipBit,
  kindOf,
  readFiles,
} from './damaged-data.ts'
import { EVERYTHING, forEach, sampled, TIMEOUT_MS } from './extent.ts'
import type { ScratchDirectory } from './job-process.ts'
import { Outcomes } from './outcomes.ts'

/**
 * The number of bits for each kind of file in `npm test`, from all its files; with `npm run crash` every bit of the smallest
 * file.
 */
const BITS = 2
/** The task whose files are all tried: the state of every task has the same kinds of files. */
const TASK = /^state\/crash\/orders-0\//

/** Locks are empty, and only few kills leave an unfinished file. */
const kinds = FILE_KINDS.filter(({ name }) => name !== 'lock' && name !== 'unfinished file')

let abandoned: ScratchDirectory
let finished: ScratchDirectory

beforeAll(async () => {
  abandoned = await abandonedData()
  finished = await finishedData()
})

afterAll(() => {
  abandoned[Symbol.dispose]()
  finished[Symbol.dispose]()
})

test.for(kinds)(
  'no flipped bit gives a wrong result, it is repaired or refused: $name',
  {
    timeout: TIMEOUT_MS,
  },
  async (kind) => {
    const data = kind.name === 'journal' || kind.name === 'group' ? abandoned : finished
    const bits = filesToFlip(data, kind).flatMap((file) => bitsOf(join(data.path, file)).map((bit) => ({ file, bit })))
    expect(bits.length).toBeGreaterThan(0)
    const outcomes = new Outcomes(`flipped bits, ${kind.name} (of ${bits.length})`)
    await forEach(sampled(bits, BITS), async ({ file, bit }) => {
      using copy = damagedCopy(data, file, (path) => flipBit(path, bit))
      outcomes.tried()
      const checked = await check(copy.path, {
        acknowledged: DAMAGED_ORDERS,
        orders: DAMAGED_ORDERS + 20,
        rebuild: kind.name !== 'state',
      })
      outcomes.classify(`bit ${bit} of ${file}`, checked, kind.flipped)
    })
    outcomes.report()
    expect(outcomes.violations).toEqual([])
  },
)

function filesToFlip(data: ScratchDirectory, kind: FileKind): string[] {
  const files = readFiles(data.path).filter((path) => kindOf(path) === kind && statSync(join(data.path, path)).size > 0)
  if (!EVERYTHING) return files
  if (kind.name === 'state') return files.filter((path) => TASK.test(path))
  return files.sort((a, b) => statSync(join(data.path, a)).size - statSync(join(data.path, b)).size).slice(0, 1)
}

import { freemem, totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { bytes } from '../terminal/amounts.ts'
import { type Finding, ok, warning } from './finding.ts'

/** A job that does little takes some 100 MB, and a restore some more. */
const AVAILABLE_BYTES_MIN = 256 * 1024 * 1024
/** Besides its heap, a process has buffers, native code and LevelDB's caches: about a quarter of the heap at least. */
const HEAP_PART_MAX = 0.8

/** The memory that a process started here gets. */
export interface MemoryFacts {
  /** V8's limit, which `--max-old-space-size` sets. */
  readonly heapLimitBytes: number
  /** All of the machine, or what its container may use. */
  readonly totalBytes: number
  readonly availableBytes: number
  /** Whether a container limits it. */
  readonly isConstrained: boolean
}

export function readMemory(): MemoryFacts {
  const constrained = process.constrainedMemory()
  const isConstrained = constrained > 0 && constrained < totalmem()
  return {
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    totalBytes: isConstrained ? constrained : totalmem(),
    availableBytes: isConstrained ? process.availableMemory() : Math.max(freemem(), process.availableMemory()),
    isConstrained,
  }
}

/** Decides on the memory. */
export function checkMemory({ heapLimitBytes, totalBytes, availableBytes, isConstrained }: MemoryFacts): Finding[] {
  const owner = isConstrained ? 'the container' : 'the machine'
  const check = 'Memory'
  const what = `${bytes(availableBytes)} of ${bytes(totalBytes)} available; a process may have a heap of ${bytes(heapLimitBytes)}`
  if (heapLimitBytes > totalBytes * HEAP_PART_MAX) {
    const limitMb = Math.floor((totalBytes * HEAP_PART_MAX) / 1024 ** 2)
    return [
      warning({
        check,
        what: `a heap may grow to ${bytes(heapLimitBytes)}, and ${owner} has ${bytes(totalBytes)}`,
        advice:
          `The system would kill a job before its heap is collected. Give ${owner} more memory, or set a limit: ` +
          `"NODE_OPTIONS=--max-old-space-size=${limitMb} millrace run job.ts"`,
      }),
    ]
  }
  if (availableBytes >= AVAILABLE_BYTES_MIN) return [ok(check, what)]
  const advice = 'A job that starts now may be killed. End other programs, or add memory.'
  return [warning({ check, what: `only ${bytes(availableBytes)} of ${bytes(totalBytes)} available`, advice })]
}

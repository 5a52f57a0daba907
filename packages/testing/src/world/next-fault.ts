import type { DiskCall, Fault } from '../machine/faults.ts'

/** A fault of the disk that one of the next calls meets, of a container, a producer or a node. */
export class NextFault {
  #next: { readonly fault: Fault; readonly call: DiskCall; left: number } | undefined

  /** The fault comes after this many calls of its kind, instead of one that was to come. */
  comesAfter(left: number, call: DiskCall, fault: Fault): void {
    this.#next = { fault, call, left }
  }

  at(call: DiskCall, process: string): Fault | undefined {
    const next = this.#next
    // Processes that only observe have a disk without faults.
    if (next?.call !== call || !/^(container|producer|node)/.test(process) || next.left-- > 0) return undefined
    this.#next = undefined
    return next.fault
  }
}

/** What a measured piece of work gets from the process that measures it. Everything is JSON. */
export type Options = Readonly<Record<string, string | number | boolean>>

/** Work that a child process does, and that is measured there. */
export interface Work {
  /** Readied, not measured; returns the work, which says how many records it took. */
  prepare(options: Options): Promise<Run>
}

export interface Run {
  /** Does the work; returns how many records it took. */
  run(): Promise<number>
  /** What else it found out. Not measured. */
  readonly found?: () => readonly number[]
  /** Puts things away. Not measured. */
  readonly close?: () => Promise<void>
}

/** Work without preparation. */
export function immediate(run: (options: Options) => Promise<number>): Work {
  return { prepare: async (options) => ({ run: () => run(options) }) }
}

export function text(options: Options, name: string): string {
  return String(options[name])
}

export function count(options: Options, name: string): number {
  return Number(options[name])
}

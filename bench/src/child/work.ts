/** The options that a measured piece of work gets from the process that measures it. Everything is JSON. */
export type Options = Readonly<Record<string, string | number | boolean>>

/** Work that is done and measured in a child process. */
export interface Work {
  /** Prepares the work; not measured. Returns the work, which reports how many records it took. */
  prepare(options: Options): Promise<Run>
}

export interface Run {
  /** Does the work; returns how many records it took. */
  run(): Promise<number>
  /** What else the work found out. Not measured. */
  readonly found?: () => readonly number[]
  /** Cleans up after the work. Not measured. */
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

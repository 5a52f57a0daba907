/**
 * What a finding means. `ok`: nothing to do, also if there is something that Millrace cleans up by itself. `warning`: it works,
 * and something may go wrong. `problem`: something does not work, or is lost.
 */
export type Status = 'ok' | 'warning' | 'problem'

/** The result of one check. */
export interface Finding {
  readonly status: Status
  /** What was checked: a few words, the same in every run. */
  readonly check: string
  /** What was found, and on what. */
  readonly what: string
  /** The path, address or process that it is about. */
  readonly where?: string
  /** What to do. Every warning and problem has it. */
  readonly advice?: string
}

/** A finding that needs something to be done. */
export type Advised = Omit<Finding, 'status' | 'advice'> & { readonly advice: string }

export function ok(check: string, what: string, where?: string): Finding {
  return { status: 'ok', check, what, ...(where !== undefined && { where }) }
}

export function warning(finding: Advised): Finding {
  return { status: 'warning', ...finding }
}

export function problem(finding: Advised): Finding {
  return { status: 'problem', ...finding }
}

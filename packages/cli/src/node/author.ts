import { hostname, userInfo } from 'node:os'
import { Option } from 'commander'

/** The options of every command that changes what a node runs. */
export interface WhyOptions {
  readonly why?: string
}

/** The option that states why something is changed. */
export function whyOption(): Option {
  return new Option('--why <text>', 'why: it is recorded in the history')
}

/** Who makes a change with this command, and why. */
export function author({ why }: WhyOptions): { readonly by: string; readonly why?: string } {
  return { by: `${userName()}@${hostname()}`, ...(why !== undefined && { why }) }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // The system does not know the user's number, as in some containers.
    return `${process.getuid?.() ?? 'unknown'}`
  }
}

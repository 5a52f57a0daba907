import { Option } from 'commander'

/** An option that collects the values of all its uses. */
export function repeatable(flags: string, description: string): Option {
  return new Option(flags, description)
    .argParser((value: string, before: readonly string[]) => [...before, value])
    .default([], 'none')
}

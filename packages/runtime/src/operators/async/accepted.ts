import type { AsyncNode } from '@millrace/core/internal'
import { listed, returned } from '../returned.ts'

/** What a call may give, by what becomes of it. The function throws for anything else. */
export function accepted(step: string, gives: AsyncNode['gives']): (result: unknown) => unknown {
  switch (gives) {
    case 'value':
      return (result) => returned(step, result)
    case 'values':
      return (result) => listed(step, result as Iterable<unknown>).map((value) => returned(step, value))
    case 'nothing':
      return () => null
  }
}

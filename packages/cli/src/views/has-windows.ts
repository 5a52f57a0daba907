import type { ViewDescription } from '@millrace/client'

/** Whether each entry of a view has a window. */
export function hasWindows({ shape }: Pick<ViewDescription, 'shape'>): boolean {
  return shape === 'window' || shape === 'interval'
}

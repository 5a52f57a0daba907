/**
 * What an aggregate passes on. `changes`: every new total. `final`: each window's last total, once the window has closed. Else
 * the totals of windows that have changed, at multiples of a time, ms.
 */
export type Emit = 'changes' | 'final' | { readonly everyMs: number }

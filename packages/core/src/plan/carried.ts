/**
 * What one step passes to another: records, a table's changes, the records that came late for a window, those of a side
 * output, or nothing but its state, to be viewed.
 */
export type Carried = 'records' | 'changes' | 'late' | 'side' | 'state'

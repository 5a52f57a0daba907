/** The file log, and the bare loop beside it, make durable what they wrote each time that they wrote so much. */
export const SYNC_BYTES = 16 * 1024 * 1024

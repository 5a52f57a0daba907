/**
 * The file log, and the bare loop that is compared with it, flush what they wrote to the disk each time they have written
 * this many bytes.
 */
export const SYNC_BYTES = 16 * 1024 * 1024

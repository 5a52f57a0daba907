/** A record's headers, in order; a name may occur more than once. Values are bytes or null. */
export type Headers = readonly Header[]
/** A name, and its value: bytes or null. */
export type Header = readonly [name: string, value: Uint8Array | null]

/** The headers of a record that has none: one list, so that none is made per record. */
export const NO_HEADERS: Headers = Object.freeze([])

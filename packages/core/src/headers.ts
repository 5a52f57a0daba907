/** A record's headers, in order; a name may occur more than once. Values are bytes or null. */
export type Headers = readonly Header[]
export type Header = readonly [name: string, value: Uint8Array | null]

export const NO_HEADERS: Headers = Object.freeze([])

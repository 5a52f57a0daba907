/**
 * What the view server accepts and holds, so that no client can make it slow or large. The server shares its thread
 * with the tasks.
 */

/** Entries on a page unless the request says otherwise: about 20 kB of small values. */
export const PAGE_LIMIT_DEFAULT = 100

/** Entries on a page at most: 1000 values of 100 B are encoded in about a millisecond. */
export const PAGE_LIMIT_MAX = 1000

/** A page ends early once its JSON is this large: with values of 1 MiB (the largest record) it holds a few of them. */
export const PAGE_CHARS_MAX = 4 * 1024 * 1024

/** A URL may name a position (`after`) in about 1000 partitions of 30 characters each. */
export const URL_BYTES_MAX = 32 * 1024

/** A request's line and headers: the URL, and as much again as browsers send beside it. */
export const HEADER_BYTES_MAX = URL_BYTES_MAX + 16 * 1024

/** A longer position is in the body only: clients give up on responses whose headers pass 16 KiB. */
export const POSITION_HEADER_BYTES_MAX = 8 * 1024

/** How long `after` waits unless the request says otherwise: many commit intervals. */
export const WAIT_DEFAULT_MS = 5_000

/** How long `after` waits at most; below the minute after which proxies and clients tend to give up. */
export const WAIT_MAX_MS = 30_000

/** Sockets at a time, streams included; more are closed as they come. */
export const CONNECTIONS_MAX = 512

/** Clients that follow changes at a time; leaves connections for everyone else. */
export const STREAMS_MAX = 64

/**
 * A follower that has more than this still unsent when the next commit comes is disconnected. All followers together
 * hold at most 64 × (4 MiB + one commit), and the commit's bytes are shared.
 */
export const STREAM_BUFFER_BYTES_MAX = 4 * 1024 * 1024

/** A silent stream says this often that it lives: under the 30 s after which proxies cut idle connections. */
export const HEARTBEAT_MS = 15_000

/** A client has this long to send a request's headers, and the same for the whole request: none has a body. */
export const REQUEST_MS_MAX = 10_000

/** An idle connection is kept this long for the next request. */
export const KEEP_ALIVE_MS = 5_000

/** Closing waits this long for answers on their way, then cuts the connections. */
export const CLOSE_GRACE_MS = 1_000

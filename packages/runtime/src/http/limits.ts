/** What every HTTP server of Millrace accepts, so that no client can make it slow or large. */

/** After how many seconds a client that was refused for now should try again. */
export const RETRY_AFTER_S = 1

/** A URL may name a position (`after`) in about 1000 partitions of 30 characters each. */
export const URL_BYTES_MAX = 32 * 1024

/** A request's line and headers: the URL, and as much again as browsers send with it. */
export const HEADER_BYTES_MAX = URL_BYTES_MAX + 16 * 1024

/** A longer position is in the body only: clients give up on responses whose headers pass 16 KiB. */
export const POSITION_HEADER_BYTES_MAX = 8 * 1024

/** Sockets at a time, streams included; more are closed as they come. */
export const CONNECTIONS_MAX = 10_240 + 512

/**
 * Requests of one connection that are not answered yet. Clients of HTTP/1.1 wait for an answer before the next request. For
 * a client that does not wait, and leaves the answers unread, every request of a chunk of 64 KiB would be answered into
 * memory.
 */
export const UNANSWERED_REQUESTS_MAX = 8

/** A client has this long to send a request's headers, and the same for the whole request: none has a body. */
export const REQUEST_MS_MAX = 10_000

/** An idle connection is kept open this long for the next request. */
export const KEEP_ALIVE_MS = 5_000

/** Closing waits this long for answers on their way, then cuts the connections. */
export const CLOSE_GRACE_MS = 1_000

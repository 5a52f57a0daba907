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
 * Of one address, if other machines reach the server: a quarter, so that one of them cannot have all. A browser opens six, and a
 * program that follows changes for its users opens one for each.
 */
export const CONNECTIONS_PER_ADDRESS_MAX = CONNECTIONS_MAX / 4

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

/** How long failures of tokens are counted together. */
export const TOKEN_FAILURE_WINDOW_MS = 60_000

/** A person who mistypes a token, and a program that repeats its request each few seconds, fail less often in a minute. */
export const TOKEN_FAILURES_PER_ADDRESS_MAX = 20

/** As much as 50 such addresses. It also bounds the addresses that are remembered: some 100 bytes each. */
export const TOKEN_FAILURES_MAX = 1000

/** A client has this long to take an answer: 4 MiB at 140 kB/s. Then it is cut off, and the memory of its answer is free. */
export const ANSWER_MS_MAX = 30_000

/**
 * On a connection that is silent for this long the system checks whether the other machine is still there. Otherwise a
 * follower whose machine is gone would keep its place.
 */
export const SILENCE_MS_MAX = 30_000

/** What a node's HTTP server accepts. It shares its thread with the supervision of all containers, and with no task. */

/** The body of a request, other than an artefact: a few settings, and the names of stores. */
export const BODY_BYTES_MAX = 64 * 1024

/** Lines of a log that one request gets, unless it gives another number. */
export const LOG_LINES_DEFAULT = 100

/** Lines of a log that one request gets at most, before it follows the log. */
export const LOG_LINES_MAX = 10_000

/** A follower of a log that has more than this still unsent is disconnected. */
export const LOG_BUFFER_BYTES_MAX = 4 * 1024 * 1024

/** Clients that follow logs at a time. */
export const LOG_STREAMS_MAX = 64

/** Characters of the reason (`why`) and of the name (`by`) that a change is recorded with. */
export const TEXT_CHARACTERS_MAX = 1000

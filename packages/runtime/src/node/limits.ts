/** What a node's HTTP server accepts. It shares its thread with the supervision of all containers, and with no task. */

/** The body of a request, other than an artefact: a few settings, and the names of stores. */
export const BODY_BYTES_MAX = 64 * 1024

/** Lines of a log that one request gets, unless it gives another number. */
export const LOG_LINES_DEFAULT = 100

/** Lines of a log that one request gets at most, before it follows the log. */
export const LOG_LINES_MAX = 10_000

/** Of the lines of a log that one request gets, the oldest are left out if they have more bytes than this. */
export const LOG_ANSWER_BYTES_MAX = 2 * 1024 * 1024

/** A follower of a log that has more than this still unsent is disconnected. */
export const LOG_BUFFER_BYTES_MAX = 4 * 1024 * 1024

/** Clients that read or follow logs at a time: with what they have not taken yet, 384 MiB at most. */
export const LOG_STREAMS_MAX = 64

/** Characters of the reason (`why`) and of the name (`by`) that a change is recorded with. */
export const TEXT_CHARACTERS_MAX = 1000

/** Clients that read the history of a job at a time. */
export const HISTORIES_MAX = 4

/** Changes that one request for a history gets, unless it gives another number. */
export const HISTORY_EVENTS_DEFAULT = 100

/** Changes that one request for a history gets at most: some 2 MB. */
export const HISTORY_EVENTS_MAX = 1000

/** Records of all jobs that the node reads for one request for a history: some 20 MB. Then the client requests the next page. */
export const HISTORY_RECORDS_MAX = 10_000

/** Records of a history that are read at once, from the end backwards. */
export const HISTORY_STEP_MAX = 1000

/** Artefacts that are received at a time. For one of the largest size, the node holds some 200 MB until it is stored. */
export const UPLOADS_MAX = 2

/** Plans that are made at a time. Each is a process that loads a job, and may read a whole changelog. */
export const PLANS_MAX = 2

/** An artefact has this long to arrive: the largest, at 1.3 Mbit/s. Others of two clients wait meanwhile. */
export const UPLOAD_MS_MAX = 5 * 60_000

/**
 * A container to which a request was passed on may be silent for this long. It answers within the 30 s for which a query may wait
 * for a position and the 5 s that other containers have, and a stream has a sign of life every 15 s.
 */
export const FORWARD_SILENCE_MS_MAX = 45_000

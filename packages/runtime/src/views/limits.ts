/**
 * What the view server accepts and holds, so that no client can make it slow or large. The server shares its thread
 * with the tasks.
 */

/** Entries on a page unless the request gives another number: about 20 kB of small values. */
export const PAGE_LIMIT_DEFAULT = 100

/** Entries on a page at most: 1000 values of 100 B are encoded in about a millisecond. */
export const PAGE_LIMIT_MAX = 1000

/** A page ends early once its JSON is this large: with values of 1 MiB (the largest record) it holds a few of them. */
export const PAGE_CHARS_MAX = 4 * 1024 * 1024

/** A page is read no further once it has this many stored bytes; its parts share them, and each returns at least one entry. */
export const PAGE_BYTES_MAX = 4 * 1024 * 1024

/**
 * A page reads this many entries at most, including those that its windows skip: about 50 ms of the thread, in steps of less
 * than a millisecond between which the tasks run.
 */
export const PAGE_LOOKS_MAX = 20_000

/** As `PAGE_LOOKS_MAX`, in bytes, for large values: their checksums cost about 1 ms a MiB. */
export const PAGE_LOOK_BYTES_MAX = 32 * 1024 * 1024

/** A page is read no further after this long, however slow the disk is. */
export const PAGE_MS_MAX = 1_000

/** A page is encoded this many characters at a time; the tasks run in between. A MiB takes about 5 ms. */
export const ENCODED_CHARS_PER_TURN = 256 * 1024

/**
 * What all queries together hold in memory, from the reading until the client has the answer. A query waits until there is
 * room for it.
 */
export const QUERIES_BYTES_MAX = 64 * 1024 * 1024

/**
 * What a page may hold at one time: its stored bytes, their JSON, the answer's text and its bytes. Each is 4 MiB, plus the
 * part of the last value that exceeds it, which is 1 MiB at most unless records are larger than usual. So three pages are
 * made at a time.
 */
export const PAGE_RESERVED_BYTES = 20 * 1024 * 1024

/** What a page reserves at least, however small its entries are: 256 pages at one time. */
export const PAGE_RESERVED_BYTES_MIN = 256 * 1024

/** As `PAGE_RESERVED_BYTES`, for one value of 1 MiB. */
export const VALUE_RESERVED_BYTES = 4 * 1024 * 1024

/** What a query for one value reserves at least: 64 of them at one time, which is more than a busy server answers in a turn. */
export const VALUE_RESERVED_BYTES_MIN = 1024 * 1024

/** A query waits this long for room at most: less than clients do. */
export const QUERY_WAIT_MS_MAX = 5_000

/** Queries that wait for room at a time; more are rejected at once. Half of the connections. */
export const QUERIES_WAITING_MAX = 256

/** Queries that wait for a position (`after`) at a time: half of the connections stay free for others. */
export const WAITS_MAX = 256

/** How long `after` waits unless the request gives another time: many commit intervals. */
export const WAIT_DEFAULT_MS = 5_000

/** How long `after` waits at most; below the minute after which proxies and clients tend to give up. */
export const WAIT_MAX_MS = 30_000

/** Clients that follow all changes of a view at a time. */
export const STREAMS_MAX = 64

/** Clients that follow the changes of one key, or of the keys with a prefix, at a time: each gets little, and costs some 20 kB. */
export const SELECTIVE_STREAMS_MAX = 10_240

/** As `STREAM_BUFFER_BYTES_MAX`, for a follower of some keys: together at most 160 MiB, if all of them stop reading. */
export const SELECTIVE_BUFFER_BYTES_MAX = 16 * 1024

/**
 * A follower that has more than this still unsent when the next commit comes is disconnected. All followers together
 * hold at most 64 × (4 MiB + one commit), and the commit's bytes are shared.
 */
export const STREAM_BUFFER_BYTES_MAX = 4 * 1024 * 1024

/** Another process of the job has this long to answer for its parts of a view, besides the wait that the client requested. */
export const PEER_MS = 5_000

/** A stream without changes sends a sign of life this often: under the 30 s after which proxies cut idle connections. */
export const HEARTBEAT_MS = 15_000

/**
 * A follower that comes back gets what it has missed if that is in the last so many bytes of the part's changelog: some seconds of
 * a busy job. To read them takes about 50 ms of the thread, in slices, for all followers that come back meanwhile together.
 */
export const RESUME_BYTES_MAX = 8 * 1024 * 1024

/** As `RESUME_BYTES_MAX`, in offsets of the part's changelog: a follower that is farther behind does not cause a read. */
export const RESUME_RECORDS_MAX = 200_000

/** What followers have missed is read for so long at a time; the tasks run in between. */
export const RESUME_SLICE_MS = 1

/** What followers have missed is read for so long at most, with all waits for transactions that are not decided. */
export const RESUME_MS_MAX = 5_000

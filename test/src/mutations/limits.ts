const ARTEFACTS = 'packages/runtime/src/node/artefacts'
const CLI = 'packages/cli/src'
const CLIENT = 'packages/client/src'
const CONNECTORS = 'packages/connectors/src'
const CORE = 'packages/core/src'
const DOCTOR = `${CLI}/doctor`
const FILE_LOG = `${CONNECTORS}/file-log`
const HTTP = 'packages/runtime/src/http'
const JOBS = 'test/src/runtime'
const MEMORY_LOG = `${CONNECTORS}/memory-log/memory-log.test.ts`
const RECORD_BATCH = `${CONNECTORS}/record-batch`
const RUNTIME = 'packages/runtime/src'
const NODE = 'test/src/node'
const NODE_ATTACKS = 'test/src/node/node-attacks.test.ts'
const NODE_LIMITS = 'test/src/node/node-limits.test.ts'
const NODE_LOGS = 'packages/runtime/src/node/container-logs.test.ts'
const NODE_SERVER = 'test/src/node/node-server.test.ts'
const RESTARTS = 'packages/runtime/src/node/restart-policy.test.ts'
const STATE = 'packages/state/src'
const VIEWS = `${RUNTIME}/views`
const HEAVY_QUERIES = `${VIEWS}/heavy-queries.test.ts`

const NO_BOUND = 'Number.POSITIVE_INFINITY'
/** Twelve days: no test waits for so long, and a timer still accepts it. */
const NEVER = '2 ** 30'

/** How a limit is removed, and the tests, of which at least one then fails. */
export interface LimitMutation {
  /** What the constant becomes. */
  readonly becomes?: string
  /**
   * For a limit that tests compute with: texts that use it, each found once in the package, and their replacements, tried one
   * by one.
   */
  readonly uses?: readonly (readonly [from: string, to: string])[]
  readonly tests: readonly string[]
}

/** Every named limit that a test reaches, by `<package>/<name>`. `npm run mutate` proves it. */
export const LIMITS: Readonly<Record<string, LimitMutation>> = {
  'cli/AGE_MS_MIN': { becomes: '0', tests: [`${DOCTOR}/damage.test.ts#of the last minutes`] },
  'cli/AHEAD_MS_MAX': { becomes: NEVER, tests: [`${DOCTOR}/machine.test.ts#newest change`] },
  'cli/ANSWER_MS': { becomes: NEVER, tests: [`${CLI}/jobs/announced-jobs.test.ts`] },
  'cli/ANSWER_MS_MAX': { becomes: NEVER, tests: [`${DOCTOR}/ports.test.ts#come with the state`] },
  'cli/AVAILABLE_BYTES_MIN': { becomes: '0', tests: [`${DOCTOR}/machine.test.ts#little that is available`] },
  'cli/BAD_ROWS_SHOWN': { becomes: NO_BOUND, tests: [`${CLI}/import/bad-rows.test.ts#up to a limit`] },
  'cli/BEAT_WAIT_MS': { becomes: '0', tests: [`${DOCTOR}/processes.test.ts#heartbeat moves`] },
  'cli/CERTIFICATE_LOOK_MS': { becomes: NEVER, tests: [`${CLI}/node/tls-files.test.ts`] },
  'cli/CSV_ROW_BYTES_MAX': { becomes: NO_BOUND, tests: [`${CLI}/import/csv-rows.test.ts#never closed`] },
  'cli/DAMAGE_SHOWN': { becomes: NO_BOUND, tests: [`${DOCTOR}/damage.test.ts#with much damage`] },
  'cli/DATE_MS_MAX': { becomes: NO_BOUND, tests: [`${CLI}/event-time/time-unit.test.ts`] },
  'cli/EFFECTS_SHOWN': { becomes: NO_BOUND, tests: [`${DOCTOR}/processes.test.ts#for many partitions`] },
  'cli/ENTRIES_SHOWN': { becomes: NO_BOUND, tests: ['test/src/cli.long.test.ts#a query prints'] },
  'cli/EVENT_TIME_MS_MAX': { becomes: NO_BOUND, tests: [`${CLI}/event-time/event-time-field.test.ts`] },
  'cli/FREE_BYTES_MIN': { becomes: '0', tests: [`${DOCTOR}/disk.test.ts#MiB free is a`] },
  'cli/FREE_BYTES_SOUND': { becomes: '0', tests: [`${DOCTOR}/disk.test.ts#MiB free is a`] },
  'cli/FREE_FILES_MIN': { becomes: '0', tests: [`${DOCTOR}/disk.test.ts#without free inodes`] },
  'cli/HEAP_PART_MAX': { becomes: NO_BOUND, tests: [`${DOCTOR}/machine.test.ts#outgrow the container`] },
  'cli/JUMP_MS_MAX': { becomes: NEVER, tests: [`${DOCTOR}/machine.test.ts#a jump of`] },
  'cli/INTERVAL_LINES_MAX': { becomes: '7', tests: [`${CLI}/dev/limited-lines.test.ts`] },
  'cli/INTERVAL_MS': { becomes: NEVER, tests: [`${CLI}/dev/limited-lines.test.ts`] },
  'cli/JOB_LINES_MAX': { becomes: NO_BOUND, tests: [`${CLI}/dev/output-printer.test.ts#a job prints`] },
  'cli/LAST_COMMIT_MS': { becomes: NEVER, tests: ['test/src/dev/edits.long.test.ts#without an end'] },
  'cli/LEFT_BYTES_MAX': { becomes: NO_BOUND, tests: [`${DOCTOR}/damage.test.ts#a warning if they are large`] },
  'cli/LINE_BYTES_MAX': { becomes: NO_BOUND, tests: [`${CLI}/lines.test.ts`] },
  'cli/LOCK_LOOKS_MAX': { becomes: '1', tests: [`${DOCTOR}/processes.test.ts#for a moment`] },
  'cli/LOCK_LOOK_MS': { becomes: '0', tests: [`${DOCTOR}/processes.test.ts#for a moment`] },
  'cli/LOADING_NOTE_MS': { becomes: NEVER, tests: [`${CLI}/jobs/watch-loading.test.ts`] },
  'cli/MESSAGE_LENGTH_MAX': { becomes: NO_BOUND, tests: [`${CLI}/import/bad-rows.test.ts#fills the message`] },
  'cli/PRINTED_CHARACTERS_MAX': { becomes: NO_BOUND, tests: [`${CLI}/node/printed-lines.test.ts`] },
  'cli/PROBLEMS_SHOWN': { becomes: NO_BOUND, tests: [`${CLI}/artefact/bundle-job.long.test.ts#the first ten`] },
  'cli/PATHS_SHOWN': { becomes: NO_BOUND, tests: [`${DOCTOR}/permissions.test.ts#names some of them`] },
  'cli/REASONS_SHOWN': { becomes: NO_BOUND, tests: [`${CLI}/dead-letters/dead-letters.test.ts#up to a limit`] },
  'cli/REPORT_MS': { becomes: NEVER, tests: ['test/src/dev/edits.long.test.ts#in the middle of its records'] },
  'cli/SAMPLE_BYTES': { becomes: NO_BOUND, tests: [`${CLI}/import/import.test.ts#after the first megabyte`] },
  'cli/SECONDS_MIN': { becomes: '0', tests: [`${CLI}/event-time/time-unit.test.ts`] },
  'cli/SETTLE_MS': { becomes: NEVER, tests: [`${CLI}/dev/watched-modules.test.ts`] },
  'cli/SYNC_SLOW_MS': { becomes: NEVER, tests: [`${DOCTOR}/disk.test.ts#syncs slowly`] },
  'cli/UNIT_RATIO': { becomes: NO_BOUND, tests: [`${CLI}/event-time/time-unit.test.ts`] },
  'cli/SOCKET_PATH_BYTES_MAX': { becomes: NO_BOUND, tests: [`${CLI}/jobs/job-socket.test.ts`] },
  'cli/TOKEN_BYTES': { becomes: '8', tests: [`${CLI}/jobs/job-token.test.ts`] },
  'cli/TOKEN_CHARACTERS_MIN': { becomes: '0', tests: [`${CLI}/jobs/job-token.test.ts`] },
  'cli/UTF16_LINE_BYTES_MAX': { becomes: NO_BOUND, tests: [`${CLI}/import/text-input.test.ts#without line breaks`] },
  'cli/YEAR_MAX': { becomes: NO_BOUND, tests: [`${CLI}/event-time/time-unit.test.ts`] },
  'cli/YEAR_MIN': { becomes: '0', tests: [`${CLI}/event-time/time-unit.test.ts`] },
  'client/EVENT_CHARS_MAX': { becomes: NO_BOUND, tests: [`${CLIENT}/changes.test.ts`] },
  'client/RETRY_MS': { becomes: NEVER, tests: [`${CLIENT}/changes.test.ts`] },
  'client/RETRY_MS_MAX': { becomes: NO_BOUND, tests: [`${CLIENT}/changes.test.ts`] },
  'client/SILENCE_MS_MAX': { becomes: NEVER, tests: [`${CLIENT}/changes.test.ts`] },
  'client/WALK_LIMIT': { becomes: NO_BOUND, tests: [`${CLIENT}/views.test.ts`] },
  'connectors/LOAD_CHANGE_MIN': {
    becomes: '0',
    tests: ['packages/connectors/src/membership/group-loads.test.ts#small change'],
  },
  'connectors/RESERVE_BYTES_MAX': { becomes: NO_BOUND, tests: [`${FILE_LOG}/writing/disk-reserve.test.ts`] },
  'connectors/BATCH_BYTES_TARGET': { becomes: NO_BOUND, tests: [`${RECORD_BATCH}/batch-limits.test.ts`] },
  'connectors/BATCH_RECORDS_MAX': { becomes: NO_BOUND, tests: [`${RECORD_BATCH}/batch-limits.test.ts`] },
  'connectors/CLOSE_WAIT_MS': { becomes: NEVER, tests: [`${FILE_LOG}/cleaning/background-cleaning.test.ts`] },
  'connectors/CUT_TRIES': { becomes: NO_BOUND, tests: [`${FILE_LOG}/backup/backup.test.ts#several moments`] },
  'connectors/JOURNAL_READS_MAX': {
    becomes: '1',
    tests: [`${FILE_LOG}/transactions/late-appends.test.ts#between the reads`],
  },
  'connectors/KNOWN_PRODUCERS_MAX': {
    uses: [['.slice(-KNOWN_PRODUCERS_MAX)', '.slice(0)']],
    tests: [`${FILE_LOG}/transactions/check-parts.test.ts#more producers`],
  },
  'connectors/NAMED_PARTITIONS_MAX': {
    uses: [['this.#committed.size + added > namedPartitionsMax', 'this.#committed.size < 0']],
    tests: [`${FILE_LOG}/transactions/check-parts.test.ts#has no room for`],
  },
  'connectors/PRODUCERS_MAX': {
    becomes: NO_BOUND,
    tests: [`${FILE_LOG}/transactions/check-parts.test.ts#no partition knows`],
  },
  'connectors/COMPACTION_KEYS_MAX': { becomes: '50_000_000', tests: [`${FILE_LOG}/cleaning/key-offsets.test.ts`] },
  'connectors/DIRTY_RATIO_MIN': { becomes: '0', tests: [`${FILE_LOG}/cleaning/compaction-cost.test.ts`] },
  'connectors/EMPTY_OFFSETS_MAX': { becomes: NO_BOUND, tests: [`${FILE_LOG}/inspect/plan-repair.test.ts`] },
  'connectors/EPOCH_MAX': {
    uses: [
      ['before.epoch === EPOCH_MAX', 'false'],
      ['epoch < EPOCH_MAX ? {', 'epoch < 2 ** 31 ? {'],
    ],
    tests: [MEMORY_LOG, `${FILE_LOG}/transactions/epochs.long.test.ts`],
  },
  'connectors/FENCE_LOOKS_MAX': { becomes: NO_BOUND, tests: [`${FILE_LOG}/membership/lost-members.test.ts`] },
  'connectors/GATE_LOOK_MS': { becomes: NEVER, tests: [`${FILE_LOG}/transactions/backup-gate.test.ts`] },
  'connectors/GATE_WAIT_MS_MAX': { becomes: NO_BOUND, tests: [`${FILE_LOG}/transactions/backup-gate.test.ts`] },
  'connectors/HELD_BACK_POLL_MS': { becomes: NEVER, tests: [`${FILE_LOG}/transactions/transaction-limits.test.ts`] },
  'connectors/GROUP_BATCH_BYTES_MAX': { becomes: NO_BOUND, tests: [MEMORY_LOG] },
  'connectors/INDEX_INTERVAL_BYTES': { becomes: NO_BOUND, tests: [`${FILE_LOG}/file-log-limits.test.ts`] },
  'connectors/INDEX_LAG_BYTES_MAX': { becomes: NO_BOUND, tests: [`${FILE_LOG}/file-log-limits.test.ts`] },
  'connectors/BEAT_INTERVAL_MS': { becomes: NEVER, tests: [`${FILE_LOG}/membership/file-membership.test.ts`] },
  'connectors/SILENT_BEATS_MIN': { becomes: '0', tests: [`${FILE_LOG}/membership/life-signs.test.ts`] },
  'connectors/STEPS_PER_CLOCK_LOOK': { becomes: NO_BOUND, tests: [`${FILE_LOG}/cleaning/background-cleaning.test.ts`] },
  'connectors/STOPPED_MS': { becomes: NO_BOUND, tests: [`${FILE_LOG}/membership/life-signs.test.ts`] },
  'connectors/KEY_BYTES_MAX': { becomes: '1024 ** 3', tests: [`${FILE_LOG}/cleaning/key-offsets.test.ts`] },
  'connectors/MARKER_BYTES_MAX': { becomes: '16', tests: [`${FILE_LOG}/inspect/repair.test.ts`] },
  'connectors/OFFSETS_MAX': { becomes: NO_BOUND, tests: [`${FILE_LOG}/cleaning/key-offsets.test.ts`] },
  'connectors/OPEN_TRANSACTIONS_MAX': { becomes: '100_000', tests: [`${FILE_LOG}/file-log-limits.test.ts`] },
  'connectors/PARTITIONS_MAX': { becomes: 'Number.MAX_SAFE_INTEGER', tests: [`${CONNECTORS}/topic-settings.test.ts`] },
  'connectors/QUEUED_BYTES_MAX': { becomes: NO_BOUND, tests: [`${FILE_LOG}/file-log-limits.test.ts`] },
  'connectors/READ_BYTES_MAX': { becomes: 'Number.MAX_SAFE_INTEGER', tests: [`${FILE_LOG}/file-log-limits.test.ts`] },
  'connectors/READ_TRIES': { becomes: '1000', tests: [`${FILE_LOG}/partition/tail.test.ts`] },
  'connectors/RECORD_BYTES_MAX_DEFAULT': { becomes: '1024 ** 3', tests: [`${CONNECTORS}/topic-settings.test.ts`] },
  'connectors/RECORD_BYTES_MAX_LIMIT': {
    becomes: 'Number.MAX_SAFE_INTEGER',
    tests: [`${CONNECTORS}/topic-settings.test.ts`],
  },
  'connectors/SAFETY_POLL_MS': { becomes: NEVER, tests: [`${FILE_LOG}/transactions/transaction-limits.test.ts`] },
  'connectors/SEAL_LOOK_MS': {
    becomes: NEVER,
    tests: [`${FILE_LOG}/rescaling/rescale-topic.test.ts#holds the seal up`],
  },
  'connectors/SEAL_WAIT_MS_MAX': {
    becomes: NO_BOUND,
    tests: [`${FILE_LOG}/rescaling/rescale-topic.test.ts#keeps the topic from`],
  },
  'connectors/SEGMENT_BYTES_DEFAULT': {
    becomes: 'Number.MAX_SAFE_INTEGER',
    tests: [`${CONNECTORS}/topic-settings.test.ts`],
  },
  'connectors/SEGMENT_BYTES_MIN': { becomes: '1', tests: [`${CONNECTORS}/topic-settings.test.ts`] },
  'connectors/SESSION_TIMEOUT_MS': { becomes: NEVER, tests: [`${FILE_LOG}/membership/session-timeout.test.ts`] },
  'connectors/SLICE_MS': { becomes: NEVER, tests: [`${FILE_LOG}/cleaning/background-cleaning.test.ts`] },
  'connectors/SLOT_BYTES': {
    becomes: '1024 ** 3',
    tests: [`${FILE_LOG}/transactions/transaction-limits.test.ts`, `${FILE_LOG}/cleaning/key-offsets.test.ts`],
  },
  'connectors/TIMESTAMP_MAX': { becomes: NO_BOUND, tests: [`${RECORD_BATCH}/batch-limits.test.ts`] },
  'connectors/TOMBSTONE_KEPT_MS': { becomes: '0', tests: [`${CONNECTORS}/compaction-policy.test.ts`, MEMORY_LOG] },
  'connectors/TRANSACTION_TIMEOUT_MS': {
    becomes: NO_BOUND,
    tests: [`${FILE_LOG}/transactions/transaction-limits.test.ts`],
  },
  'connectors/TRIES': { becomes: '1000', tests: [`${FILE_LOG}/inspect/verify-partition.test.ts`] },
  'core/LOAD_GAIN_MIN': {
    becomes: '1',
    tests: ['packages/core/src/assignment/assign-by-load.test.ts#for a small difference'],
  },
  'core/AHEAD_MAX': { becomes: "'unlimited'", tests: [`${JOBS}/event-times.test.ts`] },
  'core/CONCURRENCY_MAX': { becomes: NO_BOUND, tests: [`${CORE}/plan/async-problems.test.ts`] },
  'core/ANSWERS_MAX': { becomes: NO_BOUND, tests: [`${CORE}/plan/async-problems.test.ts`] },
  'core/RATE_CALLS_MAX': { becomes: NO_BOUND, tests: [`${CORE}/plan/async-problems.test.ts`] },
  'core/WAIT_MS_MAX': { becomes: NO_BOUND, tests: [`${CORE}/plan/async-problems.test.ts`] },
  'core/DEPTH_MAX': { becomes: NO_BOUND, tests: [`${CORE}/serdes/serdes.test.ts#reports the place`] },
  'core/DISTINCT_MAX': { becomes: NO_BOUND, tests: [`${CORE}/folds/refusals.test.ts#one value more`] },
  'core/EVENT_TIME_MAX': { becomes: 'Number.MAX_SAFE_INTEGER', tests: [`${JOBS}/event-times.test.ts`] },
  'core/HASHES_MAX': { becomes: NO_BOUND, tests: [`${CORE}/folds/hyper-log-log.test.ts#at most 4 KB`] },
  'core/INT32_MAX': { becomes: NO_BOUND, tests: [`${CORE}/serdes/serdes.test.ts`] },
  'core/INT32_MIN': { becomes: 'Number.NEGATIVE_INFINITY', tests: [`${CORE}/serdes/serdes.test.ts`] },
  'core/LIST_MAX': { becomes: NO_BOUND, tests: [`${CORE}/plan/process-problems.test.ts`] },
  'core/LOCK_LOOK_MS_MAX': { becomes: NEVER, tests: [`${CORE}/node/file-system.test.ts`] },
  'core/OFFSET_MS_MAX': { becomes: '0', tests: [`${CORE}/calendar/calendar.test.ts`] },
  'core/TEXT_LENGTH_MAX': { becomes: NO_BOUND, tests: [`${CORE}/records/dead-letter.test.ts#too long`] },
  'core/TOP_ROWS_MAX': { becomes: NO_BOUND, tests: [`${CORE}/dsl/top-n.test.ts#more than 1,000 rows`] },
  'core/WINDOWS_PER_RECORD_MAX': { becomes: NO_BOUND, tests: [`${CORE}/topology/validate.test.ts`] },
  'runtime/RECORDS_PER_CALL_MAX': {
    becomes: NO_BOUND,
    tests: [`${RUNTIME}/operators/async/pending-calls.test.ts#so many at most`],
  },
  'runtime/ARTEFACT_BYTES_MAX': { becomes: NO_BOUND, tests: [`${ARTEFACTS}/transfer.test.ts`] },
  'runtime/ARTEFACT_TRANSFER_BYTES_MAX': {
    becomes: NO_BOUND,
    tests: [`${ARTEFACTS}/transfer.test.ts#before it is parsed`],
  },
  'runtime/LEAVING_LOOK_MS': { becomes: NEVER, tests: [`${NODE}/undone-deploys.test.ts#have left`] },
  'runtime/LEAVING_MS_MAX': { becomes: '0', tests: [`${NODE}/undone-deploys.test.ts#have left`] },
  'runtime/MANIFEST_BYTES_MAX': { becomes: NO_BOUND, tests: [`${ARTEFACTS}/transfer.test.ts#manifest is too large`] },
  'runtime/CLOSE_GRACE_MS': { becomes: NEVER, tests: [`${VIEWS}/view-server.test.ts`] },
  'runtime/COMMIT_INTERVAL_MS': { becomes: NEVER, tests: [`${JOBS}/limits.test.ts`] },
  'runtime/CONNECTIONS_MAX': {
    uses: [['server.maxConnections = connectionsMax', '']],
    tests: [`${HTTP}/connection-limits.test.ts`],
  },
  'runtime/COPIES_MAX': { becomes: NO_BOUND, tests: [`${RUNTIME}/task/open-local-state.test.ts`] },
  'runtime/LOAD_WINDOW_MS': { becomes: NEVER, tests: [`${JOBS}/loads.test.ts`] },
  'runtime/REPORT_RETRY_MS': { becomes: NEVER, tests: [`${JOBS}/standbys.test.ts#report fails`] },
  'runtime/STANDBYS_MAX': { becomes: NO_BOUND, tests: [`${JOBS}/standbys.test.ts#of each task is refused`] },
  'runtime/STANDBY_BATCH_BYTES': { becomes: NO_BOUND, tests: [`${RUNTIME}/standby/standby-turns.test.ts`] },
  'runtime/STANDBY_REST_MS': { becomes: NEVER, tests: [`${RUNTIME}/standby/standby-turns.test.ts`] },
  'runtime/STANDBY_RETRY_MS': { becomes: NEVER, tests: [`${JOBS}/standbys.test.ts#after ten seconds`] },
  'runtime/STANDBY_SLICE_MS': { becomes: NO_BOUND, tests: [`${RUNTIME}/standby/standby-turns.test.ts`] },
  'runtime/DIRTY_BYTES_MAX': {
    uses: [['if (this.#tasks.dirtyBytes >= dirtyBytesMax) await', 'if (false) await']],
    tests: [`${JOBS}/limits.test.ts`],
  },
  'runtime/HEADER_BYTES_MAX': {
    uses: [['maxHeaderSize: HEADER_BYTES_MAX', 'maxHeaderSize: 10 * HEADER_BYTES_MAX']],
    tests: [`${HTTP}/request-guard.test.ts`],
  },
  'runtime/HEARTBEAT_MS': { becomes: NEVER, tests: [`${VIEWS}/change-stream.test.ts`] },
  'runtime/IDLE_AFTER_MS': { becomes: NO_BOUND, tests: [`${JOBS}/limits.test.ts`] },
  'runtime/KEEP_ALIVE_MS': {
    uses: [['keepAliveTimeout: keepAliveMs', 'keepAliveTimeout: 2 ** 31 - 1']],
    tests: [`${HTTP}/connection-limits.test.ts`],
  },
  'runtime/KEYS_REMEMBERED_MAX': { becomes: NO_BOUND, tests: [`${RUNTIME}/operators/outputs/key-encoder.test.ts`] },
  'runtime/MOVES_SHOWN': { becomes: NO_BOUND, tests: [`${RUNTIME}/savepoints/rewind-steps.test.ts`] },
  'runtime/OWN_RECORD_BYTES_MAX': { becomes: '1024 ** 2', tests: [`${JOBS}/steps.test.ts`] },
  'runtime/ANSWER_MS_MAX': { becomes: NEVER, tests: [HEAVY_QUERIES] },
  'runtime/ENCODED_CHARS_PER_TURN': { becomes: NO_BOUND, tests: [HEAVY_QUERIES] },
  'runtime/PAGE_BYTES_MAX': { becomes: NO_BOUND, tests: [HEAVY_QUERIES] },
  'runtime/PAGE_LOOKS_MAX': { becomes: NO_BOUND, tests: [HEAVY_QUERIES] },
  'runtime/PAGE_LOOK_BYTES_MAX': { becomes: NO_BOUND, tests: [HEAVY_QUERIES] },
  'runtime/PAGE_MS_MAX': { becomes: NO_BOUND, tests: [HEAVY_QUERIES] },
  'runtime/PAGE_RESERVED_BYTES_MIN': { becomes: '2 ** 30', tests: [`${VIEWS}/answer-room.test.ts`] },
  'runtime/VALUE_RESERVED_BYTES_MIN': { becomes: '2 ** 30', tests: [`${VIEWS}/answer-room.test.ts`] },
  'runtime/PAGE_RESERVED_BYTES': { becomes: '0', tests: [HEAVY_QUERIES] },
  'runtime/QUERIES_BYTES_MAX': {
    uses: [['+ bytes <= QUERIES_BYTES_MAX', '+ bytes > 0']],
    tests: [`${VIEWS}/query-budget.test.ts`],
  },
  'runtime/QUERIES_WAITING_MAX': {
    uses: [['>= QUERIES_WAITING_MAX', '< 0']],
    tests: [`${VIEWS}/query-budget.test.ts`],
  },
  'runtime/QUERY_WAIT_MS_MAX': { becomes: NEVER, tests: [HEAVY_QUERIES] },
  'runtime/TOKEN_FAILURES_MAX': { becomes: NO_BOUND, tests: [`${HTTP}/token-failures.test.ts`] },
  'runtime/TOKEN_FAILURES_PER_ADDRESS_MAX': { becomes: NO_BOUND, tests: [`${HTTP}/token-failures.test.ts`] },
  'runtime/TOKEN_FAILURE_WINDOW_MS': { becomes: NEVER, tests: [`${HTTP}/token-failures.test.ts`] },
  'runtime/UNANSWERED_REQUESTS_MAX': { becomes: NO_BOUND, tests: [`${HTTP}/connection-limits.test.ts`] },
  'runtime/VALUE_RESERVED_BYTES': { becomes: '0', tests: [HEAVY_QUERIES] },
  'runtime/WAITS_MAX': { uses: [['new Places(WAITS_MAX', 'new Places(10 * WAITS_MAX']], tests: [HEAVY_QUERIES] },
  'runtime/PAGE_CHARS_MAX': { becomes: NO_BOUND, tests: [`${VIEWS}/read-view.test.ts`] },
  'runtime/PAGE_LIMIT_DEFAULT': { becomes: NO_BOUND, tests: [`${VIEWS}/view-server.test.ts`] },
  'runtime/PAGE_LIMIT_MAX': { becomes: NO_BOUND, tests: [`${VIEWS}/view-server.test.ts`] },
  'runtime/PORT_MAX': { becomes: NO_BOUND, tests: [`${HTTP}/request-guard.test.ts`] },
  'runtime/POSITION_HEADER_BYTES_MAX': { becomes: NO_BOUND, tests: [`${VIEWS}/view-server.test.ts`] },
  'runtime/PURGE_INTERVAL_MS': { becomes: NEVER, tests: [`${JOBS}/limits.test.ts`] },
  'runtime/REBUILDS_MAX': { becomes: NO_BOUND, tests: [`${RUNTIME}/container/rebuild-budget.test.ts`] },
  'runtime/REQUEST_MS_MAX': {
    uses: [
      ['headersTimeout: requestMsMax,\n    requestTimeout: bodyMsMax,', 'headersTimeout: 0,\n    requestTimeout: 0,'],
    ],
    tests: [`${HTTP}/connection-limits.test.ts`],
  },
  'runtime/PEER_MS': { becomes: NEVER, tests: [`${VIEWS}/remote-parts.test.ts#never answers`] },
  'runtime/COPY_KEPT_MS': { becomes: NEVER, tests: ['test/src/stopped-jobs.long.test.ts#left behind'] },
  'runtime/RESTORE_BATCH_BYTES': { becomes: NO_BOUND, tests: [`${RUNTIME}/task/changelog-follower.test.ts`] },
  'runtime/RECORDS_PER_CLOCK_LOOK': { becomes: NO_BOUND, tests: [`${JOBS}/limits.test.ts`] },
  'runtime/SLICE_MS': { becomes: NO_BOUND, tests: [`${JOBS}/limits.test.ts`] },
  'runtime/SLOW_SLICE_MS': { becomes: NO_BOUND, tests: [`${RUNTIME}/container/slow-slice.test.ts`] },
  'runtime/QUIET_MS': { becomes: NEVER, tests: [`${RUNTIME}/container/job-end.test.ts`] },
  'runtime/STATUS_INTERVAL_MS': { becomes: NEVER, tests: [`${JOBS}/container.test.ts`] },
  'runtime/RESUME_BYTES_MAX': {
    uses: [['first.bytesBefore <= RESUME_BYTES_MAX', 'first.bytesBefore >= 0']],
    tests: [`${VIEWS}/resume.test.ts#more bytes behind`],
  },
  'runtime/RESUME_MS_MAX': { becomes: NEVER, tests: [`${VIEWS}/resume.test.ts#after 5 s`] },
  'runtime/RESUME_RECORDS_MAX': {
    uses: [['if (distance > RESUME_RECORDS_MAX)', 'if (distance < 0)']],
    tests: [`${VIEWS}/resume.test.ts#more records behind`],
  },
  'runtime/RESUME_SLICE_MS': { becomes: NO_BOUND, tests: [`${VIEWS}/resume.test.ts#in slices`] },
  'runtime/STREAMS_MAX': {
    uses: [['new Places(STREAMS_MAX', 'new Places(10 * STREAMS_MAX']],
    tests: [`${VIEWS}/change-stream.test.ts`],
  },
  'runtime/SELECTIVE_BUFFER_BYTES_MAX': {
    becomes: NO_BOUND,
    tests: [`${VIEWS}/change-stream.test.ts#of one key that does not read`],
  },
  'runtime/SELECTIVE_STREAMS_MAX': { becomes: '8', tests: [`${VIEWS}/change-stream.test.ts#hundreds of followers`] },
  'runtime/STREAM_BUFFER_BYTES_MAX': {
    uses: [['response.writableLength > bytesMax', 'response.writableLength < 0']],
    tests: [`${VIEWS}/change-stream.test.ts`],
  },
  'runtime/URL_BYTES_MAX': {
    uses: [['url.length > URL_BYTES_MAX', 'url.length < 0']],
    tests: [`${VIEWS}/view-server.test.ts`],
  },
  'runtime/WAIT_DEFAULT_MS': { becomes: NEVER, tests: [`${VIEWS}/view-server.test.ts`] },
  'runtime/WAIT_MAX_MS': { becomes: NO_BOUND, tests: [`${VIEWS}/view-server.test.ts`] },
  'runtime/ARTEFACT_UNUSED_MS': { becomes: NEVER, tests: [`${NODE}/node.test.ts#no job needs`] },
  'runtime/OTHERS_MS_MAX': { becomes: NEVER, tests: [`${NODE}/node.test.ts#has not started`] },
  'runtime/AUTO_LOOK_MS': { becomes: NEVER, tests: [`${NODE}/supervision.test.ts#scaled by its lag`] },
  'runtime/BODY_BYTES_MAX': { becomes: NO_BOUND, tests: [`${NODE_SERVER}#a change with`] },
  'runtime/FORWARD_SILENCE_MS_MAX': {
    uses: [['timeout: silenceMsMax', 'timeout: 0']],
    tests: [`${NODE_LIMITS}#is passed on`],
  },
  'client/HISTORY_PAGE_MAX': { becomes: '1e9', tests: ['packages/client/src/node-client.test.ts#of a thousand'] },
  'runtime/HISTORY_EVENTS_DEFAULT': { becomes: '50', tests: [`${NODE}/history.test.ts#last 100 changes`] },
  'runtime/HISTORY_EVENTS_MAX': { becomes: NO_BOUND, tests: [`${NODE}/history.test.ts#cannot be read`] },
  'runtime/HISTORY_RECORDS_MAX': { becomes: NO_BOUND, tests: [`${NODE}/history.test.ts#other jobs`] },
  'runtime/HISTORY_STEP_MAX': { becomes: '1e9', tests: [`${NODE}/history.test.ts#from the end`] },
  'runtime/HISTORIES_MAX': { becomes: '1000', tests: [`${NODE_LIMITS}#read the history`] },
  'runtime/LOG_ANSWER_BYTES_MAX': { becomes: NO_BOUND, tests: [`${NODE_LIMITS}#of a long log`] },
  'runtime/PLANS_MAX': { becomes: '1000', tests: [`${NODE}/plans.test.ts#a third plan`] },
  'runtime/PLAN_MS_MAX': { becomes: NEVER, tests: [`${NODE}/plans.test.ts#four minutes`] },
  'runtime/UPLOADS_MAX': { becomes: '1000', tests: [`${NODE_ATTACKS}#a third artefact`] },
  'runtime/UPLOAD_MS_MAX': { becomes: '1', tests: [`${NODE_ATTACKS}#may take longer`] },
  'runtime/CLOSED_FILES_MAX': { becomes: '30', tests: [`${NODE_LOGS}#32 MiB`] },
  'runtime/COMMIT_INTERVAL_MS_MAX': { becomes: NO_BOUND, tests: [`${NODE}/supervision.test.ts#the setting`] },
  'runtime/CONTAINERS_MAX': { becomes: NO_BOUND, tests: [`${NODE}/supervision.test.ts#the setting`] },
  'runtime/FAILURES_MAX': { becomes: NO_BOUND, tests: [RESTARTS] },
  'runtime/FILE_BYTES_MAX': { becomes: NO_BOUND, tests: [`${NODE_LOGS}#32 MiB`] },
  'runtime/HEALTHY_AFTER_MS': { becomes: '0', tests: [`${NODE}/node.test.ts#is undone, and the version before`] },
  'runtime/HEALTHY_MS_MIN': { becomes: NO_BOUND, tests: [RESTARTS] },
  'runtime/HEAP_BYTES_MIN': { becomes: '0', tests: [`${NODE}/supervision.test.ts#the setting`] },
  'runtime/LINE_CHARACTERS_MAX': { becomes: NO_BOUND, tests: [`${NODE_LOGS}#is cut`] },
  'runtime/LOG_BUFFER_BYTES_MAX': { becomes: NO_BOUND, tests: [`${NODE_SERVER}#does not read`] },
  'runtime/LOG_LINES_DEFAULT': { becomes: '50', tests: [`${NODE_SERVER}#last 100 lines`] },
  'runtime/LOG_LINES_MAX': { becomes: '1e9', tests: [`${NODE_SERVER}#last 100 lines`] },
  'runtime/LOG_STREAMS_MAX': { becomes: '1000', tests: [`${NODE_SERVER}#the 65th client`] },
  'runtime/RESTART_MS_MAX': { becomes: NO_BOUND, tests: [RESTARTS] },
  'runtime/RESTART_MS_MIN': { becomes: '1', tests: [RESTARTS] },
  'runtime/STOP_MS_MAX': { becomes: NEVER, tests: [`${NODE}/supervision.test.ts#is killed`] },
  'runtime/TEXT_CHARACTERS_MAX': { becomes: NO_BOUND, tests: [`${NODE_SERVER}#a change with`] },
  'runtime/TIMERS_BEYOND_MS_MAX': { becomes: '0', tests: [`${JOBS}/close-windows.test.ts#with crashes in between`] },
  'state/RECORD_OVERHEAD_BYTES': { becomes: '0', tests: [`${STATE}/changelog/changelog-run.test.ts`] },
  'state/BOUND_MAX': { becomes: NO_BOUND, tests: [`${STATE}/committed/committed-store.test.ts`] },
  'state/COPY_TRIES': { becomes: NO_BOUND, tests: [`${STATE}/copy-state.test.ts#not a whole state`] },
  'state/DIRTY_BYTES_MAX': { becomes: '1', tests: [`${STATE}/open-task-state.test.ts`] },
  'state/ENTRIES_MAX': { becomes: NO_BOUND, tests: [`${STATE}/open-task-state.test.ts`] },
  'state/FILTER_BYTES_MAX': {
    uses: [['this.#bytes + bytes > FILTER_BYTES_MAX', 'this.#bytes < 0']],
    tests: [`${STATE}/indexes/key-filter.test.ts#gives up`],
  },
  'state/FIRST_PART_BYTES': {
    // The keys of a smaller part, of a commit and of a restore must not get lost when a filter grows.
    uses: [
      ['parts.unshift(part)', 'parts.splice(0, 1, part)'],
      ['if (value !== undefined && !stored) this', 'if (value !== undefined && stored) this'],
      ['if (valueStart >= 0) this.#filter.add', 'if (valueStart >= 0) this.#filter.mayHold'],
    ],
    tests: [`${STATE}/indexes/key-filter.test.ts#never calls`, `${STATE}/task-state.test.ts#equals a plain map`],
  },
  'state/PAGE_BYTES': { becomes: NO_BOUND, tests: [`${STATE}/indexes/time-index.test.ts`] },
  'state/PAGES_KEPT_MAX': { becomes: NO_BOUND, tests: [`${STATE}/indexes/time-index.test.ts`] },
  'state/PLACES_KEPT_MAX': { becomes: NO_BOUND, tests: [`${STATE}/committed/range-by-time.test.ts`] },
  'state/PLACES_MAX': { becomes: NO_BOUND, tests: [`${STATE}/indexes/key-times.test.ts`] },
  'state/READ_ENTRIES_MAX': { becomes: NO_BOUND, tests: [`${STATE}/committed/committed-store.test.ts`] },
  'state/SEEK_ENTRIES_MIN': { becomes: '0', tests: [`${STATE}/committed/committed-store.test.ts`] },
  'state/SORTED_PAGE_BYTES': { becomes: NO_BOUND, tests: [`${STATE}/write-back/write-back-sorted-store.test.ts`] },
  'state/SORTED_PAGES_KEPT_MAX': { becomes: NO_BOUND, tests: [`${STATE}/write-back/write-back-sorted-store.test.ts`] },
  'state/READ_WINDOWS_MAX': { becomes: NO_BOUND, tests: [`${STATE}/committed/committed-store.test.ts`] },
}

const BAD_INPUT = 'test/src/bad-input.test.ts'
const CLI = 'packages/cli/src'
const CLIENT = 'packages/client/src'
const CONNECTORS = 'packages/connectors/src'
const CORE = 'packages/core/src'
const FILE_LOG = 'packages/connectors/src/file-log'
const MEMORY_LOG = 'packages/connectors/src/memory-log/memory-log.test.ts'
const RECORD_BATCH = 'packages/connectors/src/record-batch'
const RUNTIME = 'packages/runtime/src'
const JOBS = 'test/src/runtime'
const STATE = 'packages/state/src'

/**
 * The tests that reach each refusal, by the package that makes the error and its code. Every place that makes it counts:
 * one of the tests fails if the code there is another. `npm run mutate` proves it. What follows a `#` chooses tests by name.
 */
export const REFUSALS: Readonly<Record<string, readonly string[]>> = {
  'cli/BAD_INPUT': [
    `${BAD_INPUT}#event time is a year|that is a folder|partition to tail|one must be chosen`,
    `${CLI}/jobs/announced-jobs.test.ts`,
  ],
  'cli/FILE_MISSING': [`${BAD_INPUT}#is not there`],
  'cli/IMPORT_DIFFERS': [`${BAD_INPUT}#resumes into`],
  'cli/JOB_FILE_BROKEN': [`${BAD_INPUT}#type error|without a default export`],
  'cli/JOB_NOT_RUNNING': [`${CLI}/jobs/announced-jobs.test.ts`],
  'cli/LOG_DAMAGED': ['test/src/log-command.test.ts#verify says|repair says'],
  'cli/RECORD_EXPIRED': [`${BAD_INPUT}#older than`],
  'cli/TOPIC_MISSING': [`${BAD_INPUT}#a missing topic`],
  'cli/VALUE_MISSING': ['test/src/cli.test.ts#a running job is found'],
  'cli/VIEW_MISSING': ['test/src/cli.test.ts#a running job is found'],
  'client/BAD_ANSWER': [`${CLIENT}/views.test.ts`],
  'client/SERVER_UNREACHABLE': [`${CLIENT}/changes.test.ts`, `${CLIENT}/views.test.ts`],
  'client/UNSUPPORTED': [`${CLIENT}/table-views.test.ts`],
  'client/VIEW_MISSING': [`${CLIENT}/table-views.test.ts`, `${CLIENT}/views.test.ts`],
  'connectors/BAD_TIMESTAMP': [`${RECORD_BATCH}/record-batch.test.ts`],
  'connectors/BAD_TOPIC_SETTINGS': [`${CONNECTORS}/topic-settings.test.ts`],
  'connectors/CLEANING_FAILED': [`${FILE_LOG}/background-cleaning.test.ts`],
  'connectors/DATA_OWNER': [`${FILE_LOG}/data-directory.test.ts`],
  'connectors/DATA_VERSION': [`${FILE_LOG}/data-directory.test.ts`],
  'connectors/FILE_MISSING': [`${BAD_INPUT}#a log to verify`],
  'connectors/JOB_RUNNING': [MEMORY_LOG, `${FILE_LOG}/data-directory.test.ts`, `${JOBS}/container.test.ts`],
  'connectors/LOG_DAMAGED': [
    `${FILE_LOG}/damage.test.ts`,
    `${FILE_LOG}/data-directory.test.ts`,
    `${RECORD_BATCH}/kafka-format.test.ts`,
  ],
  'connectors/LOG_FULL': [`${FILE_LOG}/failures.test.ts`],
  'connectors/LOG_SYNC_FAILED': [`${FILE_LOG}/failures.test.ts`],
  'connectors/LOG_WRITE_FAILED': [`${FILE_LOG}/failures.test.ts`],
  'connectors/MEMBER_FENCED': [`${FILE_LOG}/membership/file-membership.test.ts`],
  'connectors/OFFSET_GONE': [MEMORY_LOG],
  'connectors/PARTITION_IN_USE': [`${FILE_LOG}/inspect/repair.test.ts`],
  'connectors/PARTITION_MISSING': [`${BAD_INPUT}#a partition to look into`],
  'connectors/RECORD_TOO_LARGE': [`${RECORD_BATCH}/record-batch.test.ts`],
  'connectors/TOO_MANY_TRANSACTIONS': [`${FILE_LOG}/file-log-limits.test.ts`],
  'connectors/TOPIC_EXISTS': [MEMORY_LOG],
  'connectors/TOPIC_MISSING': [MEMORY_LOG],
  'connectors/TRANSACTION_TOO_LARGE': [`${FILE_LOG}/transactions/transaction-limits.test.ts`],
  'connectors/UNSUPPORTED': [`${RECORD_BATCH}/kafka-format.test.ts`],
  'connectors/WRITER_FENCED': [`${FILE_LOG}/transactions/transactions.test.ts`, MEMORY_LOG],
  'core/BAD_NAME': [`${CORE}/serdes/serde.test.ts`, MEMORY_LOG],
  'core/BAD_POSITION': [`${RUNTIME}/views/view-server.test.ts`],
  'core/JOB_INVALID': [`${CORE}/topology/validate.test.ts`],
  'core/TOPIC_MISSING': [`${CORE}/topology/resolve-partitions.test.ts`],
  'core/VIEW_MISSING': [`${CORE}/dsl/plan.test.ts`],
  'runtime/ADDRESS_REFUSED': [`${RUNTIME}/views/view-server.test.ts`, `${RUNTIME}/views/connection-limits.test.ts`],
  'runtime/BAD_POSITION': [`${RUNTIME}/views/view-server.test.ts`],
  'runtime/BAD_REQUEST': [`${RUNTIME}/views/view-server.test.ts`, `${RUNTIME}/views/page-cursor.test.ts`],
  'runtime/BAD_TIMESTAMP': [`${JOBS}/event-times.test.ts`],
  'runtime/CALLBACK_FAILED': [`${JOBS}/refusals.test.ts`, `${JOBS}/steps.test.ts`],
  'runtime/HOST_REFUSED': [`${RUNTIME}/views/view-server.test.ts`],
  'runtime/INPUT_LOST': [`${JOBS}/refusals.test.ts`],
  'runtime/JOB_INVALID': [`${JOBS}/refusals.test.ts`],
  'runtime/KEY_MISSING': [`${JOBS}/refusals.test.ts`],
  'runtime/METHOD_REFUSED': [`${RUNTIME}/views/view-server.test.ts`],
  'runtime/PATH_MISSING': [`${RUNTIME}/views/view-server.test.ts`],
  'runtime/PIPE_ASYNC': [`${JOBS}/refusals.test.ts`],
  'runtime/PIPE_ENDED': [`${JOBS}/refusals.test.ts`],
  'runtime/PORT_IN_USE': [`${RUNTIME}/views/view-server.test.ts`],
  'runtime/POSITION_NOT_REACHED': [`${RUNTIME}/views/view-server.test.ts`],
  'runtime/QUERY_FAILED': [`${RUNTIME}/views/view-server.test.ts`],
  'runtime/RECORD_UNDECODABLE': [`${JOBS}/steps.test.ts`],
  'runtime/RECORD_UNENCODABLE': [`${JOBS}/refusals.test.ts`],
  'runtime/REPARTITION_FOREIGN': [`${JOBS}/refusals.test.ts`],
  'runtime/SERVER_CLOSING': [`${RUNTIME}/views/view-server.test.ts`],
  'runtime/STATE_REBUILD_FAILED': [`${RUNTIME}/container/rebuild-budget.test.ts`],
  'runtime/TIMESTAMP_AHEAD': [`${JOBS}/event-times.test.ts`],
  'runtime/TOMBSTONES_GONE': [`${RUNTIME}/task/source-input.test.ts`, `${RUNTIME}/task/restore.test.ts`],
  'runtime/TOO_MANY_STREAMS': [`${RUNTIME}/views/change-stream.test.ts`],
  'runtime/TOPIC_REPLACED': [`${JOBS}/container.test.ts`],
  'runtime/VALUE_MISSING': [`${RUNTIME}/views/view-server.test.ts`],
  'runtime/VIEW_INCOMPLETE': [`${RUNTIME}/views/view-server.test.ts`, `${RUNTIME}/container/view-parts.test.ts`],
  'runtime/VIEW_MISSING': [`${RUNTIME}/views/view-server.test.ts`],
  'state/JOB_RUNNING': [`${STATE}/open-task-state.test.ts`],
  'state/STATE_DAMAGED': [`${STATE}/open-task-state.test.ts`],
  'state/STATE_REBUILD_FAILED': [`${STATE}/open-task-state.test.ts`],
  'state/STATE_SERDE_CHANGED': [`${STATE}/open-task-state.test.ts`],
  'state/STATE_WRITE_FAILED': [`${STATE}/kill.test.ts`, `${STATE}/open-task-state.test.ts`],
}

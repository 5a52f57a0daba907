import type { ErrorCode } from '@millrace/core'

/** The exit codes of the command; docs/reference/cli.md and `--help` list them. 3 is the Node check's, in `bin/`. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  nodeTooOld: 3,
  missing: 4,
  refused: 5,
  problems: 6,
} as const

/** The error codes for which the command does not exit with 1. */
const EXIT_OF_CODE: Partial<Record<ErrorCode, number>> = {
  BAD_NAME: EXIT.usage,
  BAD_TOPIC_SETTINGS: EXIT.usage,
  BAD_POSITION: EXIT.usage,
  BAD_REQUEST: EXIT.usage,
  BAD_USAGE: EXIT.usage,
  ADDRESS_REFUSED: EXIT.usage,
  NODE_TOO_OLD: EXIT.nodeTooOld,
  TOPIC_MISSING: EXIT.missing,
  PARTITION_MISSING: EXIT.missing,
  VIEW_MISSING: EXIT.missing,
  VALUE_MISSING: EXIT.missing,
  FILE_MISSING: EXIT.missing,
  JOB_NOT_RUNNING: EXIT.missing,
  ARTEFACT_MISSING: EXIT.missing,
  JOB_MISSING: EXIT.missing,
  NODE_NOT_RUNNING: EXIT.missing,
  TOPIC_EXISTS: EXIT.refused,
  JOB_RUNNING: EXIT.refused,
  JOB_CHANGED: EXIT.refused,
  JOB_BUSY: EXIT.refused,
  NODE_RUNNING: EXIT.refused,
  DEPLOY_FAILED: EXIT.refused,
  DRAIN_FAILED: EXIT.refused,
  SAVEPOINT_EXISTS: EXIT.refused,
  SAVEPOINT_MISSING: EXIT.missing,
  SAVEPOINT_DAMAGED: EXIT.refused,
  RESTORE_UNFINISHED: EXIT.refused,
  OUTPUTS_UNKNOWN: EXIT.refused,
  REWIND_REFUSED: EXIT.refused,
  PARTITION_IN_USE: EXIT.refused,
  JOB_FILE_BROKEN: EXIT.refused,
  JOB_INVALID: EXIT.refused,
  JOB_BUNDLE_FAILED: EXIT.refused,
  PACKAGE_MISSING: EXIT.refused,
  ARTEFACT_DAMAGED: EXIT.refused,
  ARTEFACT_VERSION: EXIT.refused,
  ARTEFACT_TOO_LARGE: EXIT.refused,
  PORT_IN_USE: EXIT.refused,
  CERTIFICATE_INVALID: EXIT.refused,
  DATA_VERSION: EXIT.refused,
  DATA_OWNER: EXIT.refused,
  STATE_SERDE_CHANGED: EXIT.refused,
  TOPIC_REPLACED: EXIT.refused,
  TOPIC_RESCALED: EXIT.refused,
  JOB_TOPIC_UNFIT: EXIT.refused,
  CHANGELOG_CUT: EXIT.refused,
  STORE_CHANGED: EXIT.refused,
  STORE_BEHIND: EXIT.refused,
  INPUT_GONE: EXIT.refused,
  LOG_PARTS_DIFFER: EXIT.refused,
  TARGET_NOT_EMPTY: EXIT.refused,
  BACKUP_INCOMPLETE: EXIT.refused,
  BACKUP_DAMAGED: EXIT.refused,
  UNSUPPORTED: EXIT.refused,
  IMPORT_DIFFERS: EXIT.refused,
  RECORD_EXPIRED: EXIT.refused,
  RESEND_REFUSED: EXIT.refused,
  PROBLEMS_FOUND: EXIT.problems,
}

export function exitCodeOf(code: ErrorCode): number {
  return EXIT_OF_CODE[code] ?? EXIT.failed
}

/** The text about exit codes in `--help`. */
export const EXIT_HELP = `
Exit codes:
  0  done
  1  failed: the message states the reason
  2  wrong usage: an option, a name or a value is not accepted
  3  Node is too old
  4  missing: a topic, partition, view, key, file or running job does not exist
  5  refused: the job has an error or already runs, a port is in use, the data directory has another version or owner or files
     of several moments, or a backup is incomplete
  6  doctor found a problem`

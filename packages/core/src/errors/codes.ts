/**
 * Every error code of Millrace, with what happens next. `docs/errors.md` explains each; a test keeps both in step.
 * `refused`: nothing was done. `record`: policy decides. `retry`: tried again. `fenced`: given up to another owner.
 * `rebuild`: local state is rebuilt. `fatal`: the process stops; the next start continues from the last commit.
 */
export const ERROR_CODES = {
  BAD_NAME: 'refused',
  BAD_TOPIC_SETTINGS: 'refused',
  TOPIC_EXISTS: 'refused',
  TOPIC_MISSING: 'refused',
  PARTITION_MISSING: 'refused',
  UNSUPPORTED: 'refused',
  JOB_RUNNING: 'refused',
  OFFSET_GONE: 'fatal',
  LOG_DAMAGED: 'fatal',
  LOG_FULL: 'fatal',
  LOG_WRITE_FAILED: 'fatal',
  LOG_SYNC_FAILED: 'fatal',
  DATA_VERSION: 'refused',
  DATA_OWNER: 'refused',
  RECORD_TOO_LARGE: 'record',
  BAD_TIMESTAMP: 'record',
  RECORD_UNDECODABLE: 'record',
  CALLBACK_FAILED: 'record',
  RECORD_UNENCODABLE: 'record',
  KEY_MISSING: 'record',
  PIPE_ENDED: 'fatal',
  PIPE_ASYNC: 'fatal',
  TOPIC_REPLACED: 'refused',
  INPUT_LOST: 'refused',
  REPARTITION_FOREIGN: 'fatal',
  STATE_REBUILD_FAILED: 'fatal',
  JOB_INVALID: 'refused',
  BAD_POSITION: 'refused',
  STATE_DAMAGED: 'rebuild',
  STATE_SERDE_CHANGED: 'refused',
  STATE_WRITE_FAILED: 'rebuild',
  PORT_IN_USE: 'refused',
  ADDRESS_REFUSED: 'refused',
  HOST_REFUSED: 'refused',
  METHOD_REFUSED: 'refused',
  PATH_MISSING: 'refused',
  BAD_REQUEST: 'refused',
  BAD_ANSWER: 'refused',
  VIEW_MISSING: 'refused',
  VALUE_MISSING: 'refused',
  VIEW_INCOMPLETE: 'retry',
  POSITION_NOT_REACHED: 'retry',
  TOO_MANY_STREAMS: 'retry',
  SERVER_CLOSING: 'retry',
  SERVER_UNREACHABLE: 'retry',
  QUERY_FAILED: 'refused',
  NODE_TOO_OLD: 'refused',
  FILE_MISSING: 'refused',
  BAD_INPUT: 'refused',
  IMPORT_DIFFERS: 'refused',
  JOB_FILE_BROKEN: 'refused',
  JOB_NOT_RUNNING: 'refused',
} as const satisfies Record<string, ErrorConsequence>

export type ErrorConsequence = 'refused' | 'record' | 'retry' | 'fenced' | 'rebuild' | 'fatal'

/** A stable error code. */
export type ErrorCode = keyof typeof ERROR_CODES

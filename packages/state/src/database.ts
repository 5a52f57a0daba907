import { type Env, MillraceError, RefusedError, StateDamagedError } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import type { Bytes, BytesBatch, LevelEngine } from './level-engine.ts'

/** Every value is preceded by a checksum of its key and itself. */
export const CHECKSUM_BYTES = 4

/**
 * A task's LevelDB. It is not trusted: every value that is read is checked, and after the first error of any kind it is not
 * used any more. A damaged database is marked as damaged, and is rebuilt when it is opened again.
 */
export class Database {
  readonly directory: string
  readonly #engine: LevelEngine
  readonly #env: Env
  readonly #task: string
  #level: Bytes | undefined
  #failure: StateDamagedError | undefined

  constructor(directory: string, task: string, env: Env, engine: LevelEngine) {
    this.directory = directory
    this.#task = task
    this.#env = env
    this.#engine = engine
  }

  /** Throws `JOB_RUNNING` if another process holds it, and LevelDB's own error if it cannot be opened. */
  async open(): Promise<void> {
    this.#env.files.makeDirectory(this.directory)
    let level: Bytes
    try {
      level = await this.#engine.open(this.directory)
    } catch (error) {
      if (!isLocked(error)) throw error
      throw new RefusedError(
        'JOB_RUNNING',
        `The state of task ${this.#task} in ${this.directory} is open in another process. Stop that process first`,
        { task: this.#task, file: this.directory, cause: error },
      )
    }
    this.#level = level
    this.#failure = undefined
  }

  /** LevelDB itself, for iterators and batches. After a failure it throws that failure again. */
  get level(): Bytes {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#level === undefined) throw this.#unusable('is closed')
    return this.#level
  }

  /** The stored bytes of a key, checksum first, checked; undefined if there are none. */
  get(key: Buffer): Buffer | undefined {
    const { level } = this
    let stored: Buffer | undefined
    try {
      stored = level.getSync(key)
    } catch (error) {
      throw this.fail('a read failed', error)
    }
    if (stored !== undefined) this.check(key, stored)
    return stored
  }

  /** The value of a record that describes the database; undefined if it is missing or not what was written. */
  record(key: Buffer): Buffer | undefined {
    const stored = this.level.getSync(key)
    return stored !== undefined && isIntact(key, stored) ? stored.subarray(CHECKSUM_BYTES) : undefined
  }

  /** Throws `STATE_DAMAGED` unless `stored` is what was written under this key. */
  check(key: Buffer, stored: Buffer): void {
    if (isIntact(key, stored)) return
    throw this.damaged(`the value of key ${key.toString('hex')} does not match its checksum`)
  }

  /** Marks the database as damaged, so that the next open rebuilds it; returns the error to throw. */
  damaged(what: string, cause?: unknown): StateDamagedError {
    // Removing a file needs no room on a full disk, and without `CURRENT` LevelDB ignores all other files.
    this.#env.files.remove(`${this.directory}/CURRENT`)
    return this.#fail(
      new StateDamagedError(
        'STATE_DAMAGED',
        `The local state of task ${this.#task} in ${this.directory} is damaged: ${what}. It is rebuilt from the changelog`,
        { task: this.#task, file: this.directory, cause },
      ),
    )
  }

  /** Stops all use after an error of LevelDB: what it still holds is known only after it is opened again. */
  fail(what: string, cause: unknown): StateDamagedError {
    if (this.#failure !== undefined) return this.#failure
    const reason = cause instanceof Error ? cause.message : String(cause)
    return this.#fail(
      new StateDamagedError(
        'STATE_WRITE_FAILED',
        `The local state of task ${this.#task} in ${this.directory} cannot be used: ${what} (${reason}). It is opened again, ` +
          'and brought up to date from the changelog. If this repeats, check the disk',
        { task: this.#task, file: this.directory, cause },
      ),
    )
  }

  /** The error to throw after an error of an iterator: perhaps the database was only closed during the read. */
  readFailed(error: unknown): unknown {
    if (error instanceof MillraceError) return error
    return this.#level === undefined ? this.#unusable('was closed') : this.fail('a read failed', error)
  }

  async write(batch: BytesBatch): Promise<void> {
    try {
      await batch.write()
    } catch (error) {
      throw this.fail('a write failed', error)
    }
  }

  async close(): Promise<void> {
    const level = this.#level
    this.#level = undefined
    await level?.close()
  }

  /** Closes the database, and removes all files. */
  async destroy(): Promise<void> {
    await this.close()
    this.#env.files.removeTree(this.directory)
  }

  #fail(failure: StateDamagedError): StateDamagedError {
    this.#failure ??= failure
    return failure
  }

  #unusable(what: string): StateDamagedError {
    return new StateDamagedError('STATE_WRITE_FAILED', `The local state of task ${this.#task} ${what}`, {
      task: this.#task,
      file: this.directory,
    })
  }
}

/** The checksum of a key and its value. */
function checksumOf(key: Buffer, value: Buffer, valueStart: number, valueEnd: number): number {
  return crc32c(value, valueStart, valueEnd, crc32c(key, 0, key.length))
}

/** Whether `stored` (checksum first) belongs to this key. */
function isIntact(key: Buffer, stored: Buffer): boolean {
  return (
    stored.length >= CHECKSUM_BYTES && stored.readUInt32BE(0) === checksumOf(key, stored, CHECKSUM_BYTES, stored.length)
  )
}

/** `value` with its checksum in front, as it is stored. */
export function withChecksum(key: Buffer, value: Buffer): Buffer {
  const stored = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length)
  value.copy(stored, CHECKSUM_BYTES)
  stored.writeUInt32BE(checksumOf(key, stored, CHECKSUM_BYTES, stored.length), 0)
  return stored
}

function isLocked(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if ('code' in at && at.code === 'LEVEL_LOCKED') return true
  return false
}

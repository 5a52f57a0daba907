import type { Env, FileSystem, OpenFile } from '@millrace/core'
import { readIfThere } from '../if-there.ts'
import { transactionsDirectory } from '../paths.ts'

const GATE_FILE = '.backup'
/** A backup reads the tails of 1000 partitions in some 50 ms. A backup that is stopped delays every commit by this much. */
const GATE_WAIT_MS_MAX = 500
const GATE_LOOK_MS = 2

/**
 * Keeps transactions from being decided while a backup looks for a moment between them. It is a request, not a lock: a writer
 * waits for a limited time, and the backup checks that nothing was decided.
 */
export class BackupGate {
  readonly #file: OpenFile

  private constructor(file: OpenFile) {
    this.#file = file
  }

  /** Closes the gate, which opens again when the process dies. Another backup waits meanwhile. */
  static async close({ files }: Env, data: string): Promise<BackupGate> {
    const file = files.open(gatePath(data), 'write')
    try {
      await file.lock()
    } catch (error) {
      file.close()
      throw error
    }
    return new BackupGate(file)
  }

  open(): void {
    this.#file.close()
  }
}

/** Waits while a backup has closed the gate, but not for long. */
export async function passGate({ files, timers }: Env, data: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < GATE_WAIT_MS_MAX && isClosed(files, data); waitedMs += GATE_LOOK_MS) {
    await new Promise<void>((resolve) => timers.after(GATE_LOOK_MS, resolve))
  }
}

function isClosed(files: FileSystem, data: string): boolean {
  const path = gatePath(data)
  if (files.stat(path) === undefined) return false
  return readIfThere(files, path, (file) => file.isLocked()) ?? false
}

/** The file that a backup keeps locked while it looks for a moment between transactions. */
export function gatePath(data: string): string {
  return `${transactionsDirectory(data)}/${GATE_FILE}`
}

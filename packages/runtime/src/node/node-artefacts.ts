import { type Env, FatalError, RefusedError } from '@millrace/core'
import type { Artefact } from './artefacts/artefact.ts'
import {
  artefactDirectory,
  isArtefactId,
  listArtefacts,
  readArtefact,
  removeArtefact,
  writeArtefact,
} from './artefacts/artefact-directory.ts'
import { decodeArtefact } from './artefacts/transfer.ts'

/** An artefact that no job uses is kept for this long after it was sent: a deploy follows within seconds. */
const ARTEFACT_UNUSED_MS = 60 * 60 * 1000

/** The artefacts of a node, in its data directory. */
export class NodeArtefacts {
  readonly #env: Env
  readonly #data: string

  constructor(env: Env, data: string) {
    this.#env = env
    this.#data = data
  }

  /** Stores an artefact that was sent as text, and returns its id: see `Node.storeArtefact`. */
  async store(text: string): Promise<string> {
    const artefact = decodeArtefact(text)
    try {
      await writeArtefact(this.#env.files, this.#data, artefact)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new FatalError(
        'SYSTEM_CALL_FAILED',
        `The artefact cannot be stored: ${reason}. Free some space, or check the disk, and deploy the job again`,
        { cause },
      )
    }
    return artefact.id
  }

  /** Throws `ARTEFACT_MISSING`, and what damage of it throws. */
  read(id: string): Artefact {
    if (!isArtefactId(id)) {
      throw new RefusedError(
        'ARTEFACT_MISSING',
        `${JSON.stringify(id)} is not the id of an artefact. Deploy the job again`,
      )
    }
    return readArtefact(this.#env.files, artefactDirectory(this.#data, id))
  }

  /** Removes those that are not needed, not even for a rollback. One that has just been sent is about to be deployed. */
  async removeAllBut(needed: ReadonlySet<string | undefined>): Promise<void> {
    const { files, clock } = this.#env
    for (const id of listArtefacts(files, this.#data)) {
      const sentMs = files.stat(artefactDirectory(this.#data, id))?.modifiedMs ?? 0
      if (needed.has(id) || clock.now() - sentMs < ARTEFACT_UNUSED_MS) continue
      await removeArtefact(files, this.#data, id)
    }
  }
}

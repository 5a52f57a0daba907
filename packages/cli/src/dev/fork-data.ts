import { randomBytes } from 'node:crypto'
import { constants, copyFileSync, existsSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { nodeEnv } from '@millrace/core/node'

/** The random part of a fork's name, in bytes. */
const NAME_RANDOM = 4

/** A fork of a data directory, which belongs to this process. */
export interface DataFork {
  readonly data: string
  readonly topics: number
  /** Bytes that the fork shares with the data directory. */
  readonly linkedBytes: number
  /** Removes it. No process may use it any more. */
  remove(): void
}

/**
 * Makes a fork of a data directory beside it, with its topics and its local state. The forks of dead processes are removed first. Throws
 * as `forkLog` does.
 */
export async function forkData(original: string): Promise<DataFork> {
  const path = existsSync(original) ? realpathSync(original) : resolve(original)
  const env = nodeEnv()
  const [{ forkLog, requireDataDirectory }, { forkStates }] = await Promise.all([
    import('@millrace/connectors/internal'),
    import('@millrace/state'),
  ])
  requireDataDirectory(env, path)
  removeAbandoned(path)
  const { data, lock } = claimName(path)
  const remove = () => {
    rmSync(data, { recursive: true, force: true })
    rmSync(lock.path, { force: true })
    lock.close()
  }
  try {
    env.files.makeDirectory(data)
    // First: a state must not be further than its changelog.
    await forkStates(env, join(path, 'state'), join(data, 'state'))
    const clone = (from: string, to: string) => copyFileSync(from, to, constants.COPYFILE_FICLONE)
    return { data, remove, ...(await forkLog({ env, data: path, target: data, clone })) }
  } catch (error) {
    remove()
    throw error
  }
}

/** The name of a fork that no process has, and its lock, which the kernel releases when this process dies. */
function claimName(original: string) {
  for (;;) {
    const data = `${original}.fork-${randomBytes(NAME_RANDOM).toString('hex')}`
    const lock = nodeEnv().files.open(`${data}.lock`, 'create')
    // Another process may take the file for one that a dead process has left, and remove it.
    if (lock.tryLock() && existsSync(lock.path)) return { data, lock }
    lock.close()
  }
}

function openIfThere(path: string) {
  try {
    return nodeEnv().files.open(path, 'update')
  } catch {
    // Another process has just removed it.
    return undefined
  }
}

/** Removes the forks of this data directory whose processes are dead. */
function removeAbandoned(original: string): void {
  const folder = dirname(original)
  const names = existsSync(folder) ? readdirSync(folder) : []
  for (const name of names) {
    const data = join(folder, name.slice(0, -'.lock'.length))
    if (!name.startsWith(`${basename(original)}.fork-`) || !name.endsWith('.lock')) continue
    const lock = openIfThere(join(folder, name))
    if (lock === undefined) continue
    try {
      if (!lock.tryLock()) continue
      rmSync(data, { recursive: true, force: true })
      rmSync(lock.path, { force: true })
    } finally {
      lock.close()
    }
  }
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { openFileLog } from '@millrace/connectors/file'
import { type Env, job, json, type Log, openTopicWriter, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { encodeArtefact, knownJobs, listSavepoints, makeArtefact, Node, startContainer } from '@millrace/runtime'
import { FakeContainers } from './fake-containers.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const theJob = job('counts', stream(numbers).groupByKey().count('counts'))
/** Another version, which has one store more. */
export const changedJob = job(
  'counts',
  stream(numbers).groupByKey().count('counts'),
  stream(numbers)
    .groupByKey()
    .reduce('sums', (a, b) => a + b),
)
/** Who changes something in the tests. */
export const ANN = { by: 'ann@laptop', why: 'as asked' }

/** What fails on request. */
interface Faults {
  /** Whether calls that change savepoints and topics fail. */
  diskFails: boolean
  /** Whether it cannot be noted that a restore is done. */
  endFails: boolean
  /** Whether no savepoint can be renamed into place. */
  isFull: boolean
  /** Called when the node waits. */
  waits?: () => void
}

/** A node with the job `counts` on a real disk. Its containers are fake, and a test does their work. */
export class CountingNode {
  readonly faults: Faults
  readonly log: Log
  readonly containers = new FakeContainers()
  readonly #directory: string
  readonly #env: Env
  #node: Node | undefined
  #one = ''

  private constructor(directory: string, faults: Faults, env: Env, log: Log) {
    this.#directory = directory
    this.faults = faults
    this.#env = env
    this.log = log
  }

  static async open(): Promise<CountingNode> {
    const directory = mkdtempSync(`${tmpdir()}/millrace-restores-`)
    const faults = { diskFails: false, endFails: false, isFull: false }
    const env = failingEnv(faults)
    const log = await openFileLog({ directory, env, durability: 'os' })
    await log.admin.createTopic('numbers')
    const world = new CountingNode(directory, faults, env, log)
    await world.openNode()
    world.#one = await world.artefact('one')
    await world.node.deploy({ artefact: world.one }, ANN, () => undefined)
    return world
  }

  async close(): Promise<void> {
    await this.node.close()
    await this.log.close()
    rmSync(this.#directory, { recursive: true })
  }

  get node(): Node {
    if (this.#node === undefined) throw new Error('It has a node once it is open')
    return this.#node
  }

  /** The artefact that the job was deployed from first. */
  get one(): string {
    return this.#one
  }

  /** Starts the next node, after the one before was closed. */
  async openNode(): Promise<void> {
    const { start } = this.containers
    this.#node = await Node.open({ log: this.log, env: this.#env, data: this.#directory, start, healthyAfterMs: 1 })
  }

  /** Stores the artefact of a job whose code is this text. */
  artefact(code: string): Promise<string> {
    const contents = new Map([
      ['job.mjs', Buffer.from(code)],
      ['job.mjs.map', Buffer.from('{}')],
    ])
    const made = makeArtefact(theJob, { millrace: '1', source: 'job.ts', externals: [], contents })
    return this.node.storeArtefact(encodeArtefact(made))
  }

  /** What the containers of the job would do, if they were not fake: counts so many more records. */
  async count(records: number, version = theJob): Promise<void> {
    const writer = await openTopicWriter(this.log, numbers)
    await writer.sendAll(Array.from({ length: records }, () => ({ key: 'a', value: 1 })))
    const acceptLoss = version === theJob ? [] : ['sums']
    const container = await startContainer({ ...this.run, job: version, acceptLoss, untilEnd: true })
    await container.done
  }

  /** How many records the job has processed. */
  async counted(): Promise<unknown> {
    const { position } = await this.node.savepoint('counts', undefined, ANN)
    return position['numbers']?.[0]
  }

  /** The stores of the job, as its catalog has them. */
  async stores(): Promise<readonly string[]> {
    const [known] = await knownJobs({ log: this.log, env: nodeEnv() }, 'counts')
    return known?.stores ?? []
  }

  /** How a container of the job is started without the node. */
  get run() {
    return { job: theJob, log: this.log, env: nodeEnv(), stateDirectory: `${this.#directory}/state` }
  }

  get savepoints() {
    return { ...this.run, job: 'counts', data: this.#directory }
  }

  get savepointNames(): readonly string[] {
    return listSavepoints(this.savepoints).map(({ name }) => name)
  }

  /** What was done to the job, in order. */
  async actions(): Promise<readonly string[]> {
    return (await this.node.history('counts')).history.map(({ action }) => action)
  }
}

function failingEnv(faults: Faults): Env {
  const env = nodeEnv()
  return {
    ...env,
    timers: {
      ...env.timers,
      after: (delayMs, callback) => {
        faults.waits?.()
        return env.timers.after(delayMs, callback)
      },
    },
    files: {
      ...env.files,
      rename: (from, to) => {
        if (faults.isFull && /\/\.making-[^/]+$/.test(from)) {
          throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', syscall: 'rename' })
        }
        if (faults.diskFails && to.includes('/topics/.removing-'))
          throw Object.assign(new Error('EIO'), { code: 'EIO' })
        env.files.rename(from, to)
      },
      remove: (path) => {
        if (faults.endFails && path.endsWith('/.restoring')) throw Object.assign(new Error('EIO'), { code: 'EIO' })
        env.files.remove(path)
      },
    },
  }
}

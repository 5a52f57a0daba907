import { memoryLog } from '@millrace/connectors/memory'
import { FatalError, job, json, type Log, stream, string, topic } from '@millrace/core'
import { encodeArtefact, makeArtefact, Node } from '@millrace/runtime'
import { StillEnv } from '@millrace/testing/internal'
import { FakeContainers } from './fake-containers.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const theJob = job('counts', stream(numbers).groupByKey().count('counts'))

export const CRASH = { code: 'CONTAINER_ENDED', message: 'The container ended with SIGKILL' } as const
export const REFUSAL = { code: 'STORE_CHANGED', message: 'Store counts is computed in another way' } as const
/** Who changes something in the tests. */
export const ANN = { by: 'ann@laptop', why: 'as asked' }

/** How often other work gets its turn before a test goes on. */
const TURNS = 50
/** How far the clock is moved at once while a test waits. */
const STEP_MS = 100

/** A node whose containers do what a test says. Its log and its disk are in memory, and only the test moves its clock. */
export class NodeWorld {
  readonly still: StillEnv
  readonly log: Log
  readonly containers = new FakeContainers()
  readonly onProgress = () => undefined
  /** How many changes cannot be recorded from now on. */
  unrecorded = 0
  #node: Node | undefined

  private constructor() {
    this.still = new StillEnv(Date.UTC(2026, 0, 1))
    const log = memoryLog(this.still.env)
    this.log = {
      ...log,
      openWriter: (options) => {
        if (this.unrecorded-- > 0) throw new FatalError('LOG_WRITE_FAILED', 'The disk fails')
        return log.openWriter(options)
      },
    }
  }

  static async open(): Promise<NodeWorld> {
    const world = new NodeWorld()
    world.#node = await world.openNode()
    return world
  }

  get node(): Node {
    if (this.#node === undefined) throw new Error('The world has a node once it is open')
    return this.#node
  }

  /** Opens another node on the same data. */
  openNode(): Promise<Node> {
    const { log, still, containers } = this
    return Node.open({ log, env: still.env, data: '/data', start: containers.start })
  }

  /** Ends the node, and starts the next one. */
  async restart(): Promise<void> {
    await this.settle(this.node.close())
    this.#node = await this.openNode()
    await this.turns()
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

  /** Deploys the artefact of this code, and returns its id. */
  async deploy(code: string, containers = 1): Promise<string> {
    const artefact = await this.artefact(code)
    await this.settle(this.node.deploy({ artefact, settings: { containers } }, ANN, this.onProgress))
    return artefact
  }

  /** Moves the clock on until the promise is settled. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    while (!settled) {
      for (let turn = 0; turn < TURNS && !settled; turn++) await this.still.env.timers.turn()
      if (!settled) this.still.advance(STEP_MS)
    }
    return promise
  }

  /** Gives other work its turn. The clock stands still. */
  async turns(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await this.still.env.timers.turn()
  }

  /** What was done to the job. */
  async actions(): Promise<readonly string[]> {
    return (await this.node.history('counts')).history.map(({ action }) => action)
  }

  async close(): Promise<void> {
    await this.settle(this.node.close())
    await this.log.close()
  }
}

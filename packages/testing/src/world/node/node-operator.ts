import { MillraceError } from '@millrace/core'
import type { Node } from '@millrace/runtime'
import type { SeededRandom } from '../../machine/seeded-random.ts'
import type { SimulatedProcess } from '../../machine/simulated-process.ts'
import { hold } from '../invariants.ts'
import type { NodeAction, VersionName } from './node-steps.ts'
import { ORDERS_VERSIONS } from './order-versions.ts'
import type { VersionArtefacts } from './version-artefacts.ts'

const JOB = 'orders'
const WORLD = { by: 'world', why: null }
const ignoreProgress = () => undefined

/** A node that runs, and its process. */
export interface RunningNode {
  readonly node: Node
  readonly process: SimulatedProcess
}

/** How an action ended. `lost`: the node ended before it was acknowledged. */
export type ActionEnd = 'done' | 'lost' | { readonly refused: MillraceError }

/**
 * A person who works with a node: requests one action after the other, and checks before each that what the node has acknowledged
 * still holds, also after a crash.
 */
export class NodeOperator {
  readonly #artefacts: VersionArtefacts
  readonly #random: SeededRandom
  readonly #containers: number
  /** The artefact of the last release that was acknowledged; undefined while it is uncertain which one runs. */
  #acknowledged: string | undefined
  /** Savepoints that were acknowledged, and of which no deletion was requested; each with the artefact that ran. */
  readonly #savepoints = new Map<string, string>()
  #names = 0

  /** `containers`: how many a new job gets. */
  constructor(artefacts: VersionArtefacts, random: SeededRandom, containers: number) {
    this.#artefacts = artefacts
    this.#random = random
    this.#containers = containers
  }

  /** Requests an action, and waits until it is acknowledged or refused, or the node has ended. */
  async act(running: RunningNode, action: NodeAction): Promise<ActionEnd> {
    const { node, process } = running
    const lost = new Promise<'lost'>((resolve) => process.whenEnded(() => resolve('lost')))
    // A paused process takes no request before it is resumed.
    const taken = new Promise<void>((resolve) => void process.env.timers.after(0, resolve))
    const done = taken.then(async () => {
      this.#checkAcknowledged(node)
      await this.#request(node, action)
    })
    const end = await Promise.race([lost, done.then((): ActionEnd => 'done', refusalOrThrow)])
    if (process.state === 'crashed') {
      this.#acknowledged = undefined
      return 'lost'
    }
    this.#acknowledged = jobOf(node)?.deployment.release.artefact
    return end
  }

  /** What must be done so that the job runs in a version that may stay; undefined if it does. */
  next(node: Node): NodeAction | undefined {
    const job = jobOf(node)
    if (job === undefined) return { kind: 'deploy', version: 'first' }
    if (job.operation !== null) return undefined
    if (!this.versionOf(node).mayStay) return { kind: 'rollback' }
    return job.deployment.desired === 'running' ? undefined : { kind: 'start' }
  }

  /** Whether the job runs in a version that may stay, and nothing is done to it. */
  isWell(node: Node): boolean {
    return jobOf(node)?.operation === null && this.next(node) === undefined
  }

  /** The version that a node runs. */
  versionOf(node: Node) {
    const artefact = jobOf(node)?.deployment.release.artefact
    return ORDERS_VERSIONS[artefact === undefined ? 'first' : this.#artefacts.versionOf(artefact)]
  }

  #checkAcknowledged(node: Node): void {
    const artefact = jobOf(node)?.deployment.release.artefact
    hold('an acknowledged change stays', this.#acknowledged === undefined || this.#acknowledged === artefact, () => {
      return `the node runs artefact ${artefact}, and has acknowledged ${this.#acknowledged}`
    })
    if (artefact === undefined) return
    const names = node.savepoints(JOB).map(({ name }) => name)
    for (const name of this.#savepoints.keys()) {
      hold('an acknowledged change stays', names.includes(name), () => `savepoint ${name} has gone; there are ${names}`)
    }
  }

  async #request(node: Node, action: NodeAction): Promise<void> {
    const job = jobOf(node)
    // A node returns one deploy.
    const mustReturn = !this.versionOf(node).mayStay
    // A container that fails is started again for more than a minute before it is given up.
    if (action.kind === 'drain' && mustReturn) return this.#request(node, { kind: 'rollback' })
    // There would be nothing to return to.
    if (action.kind === 'deploy' && job === undefined) return this.#deploy(node, 'first')
    if (action.kind === 'deploy' && !mustReturn) return this.#deploy(node, action.version)
    if (job === undefined) return
    const { artefact } = job.deployment.release
    // Another version may have other stores, and would be refused.
    const savepoints = [...this.#savepoints.keys()].filter((name) => this.#savepoints.get(name) === artefact)
    const savepoint = savepoints[this.#random.below(Math.max(1, savepoints.length))]
    switch (action.kind) {
      case 'scale':
        await node.scale(JOB, { containers: action.containers }, WORLD)
        break
      case 'deploy':
      case 'rollback':
        if (job.deployment.previous !== null) await node.rollback(JOB, WORLD, ignoreProgress)
        break
      case 'restart':
        await node.restart(JOB, WORLD, ignoreProgress)
        break
      case 'stop':
        await node.stop(JOB, WORLD)
        break
      case 'start':
        await node.start(JOB, WORLD)
        break
      case 'drain':
        await node.drain(JOB, WORLD, ignoreProgress)
        break
      case 'savepoint': {
        const name = `s${++this.#names}`
        await node.savepoint(JOB, name, WORLD)
        this.#savepoints.set(name, artefact)
        break
      }
      case 'delete savepoint':
        if (savepoint === undefined) break
        this.#savepoints.delete(savepoint)
        await node.deleteSavepoint(JOB, savepoint, WORLD)
        break
      case 'restore':
        if (savepoint !== undefined) await node.restoreSavepoint(JOB, savepoint, {}, WORLD, ignoreProgress)
        break
      case 'rewind':
        await node.rewind(JOB, { to: { kind: 'start' } }, WORLD, ignoreProgress)
        break
    }
  }

  async #deploy(node: Node, version: VersionName): Promise<void> {
    const artefact = await node.storeArtefact(this.#artefacts.encoded(version))
    const settings = jobOf(node) === undefined ? { containers: this.#containers } : {}
    const { acceptLoss } = ORDERS_VERSIONS[version]
    await node.deploy({ artefact, settings, acceptLoss }, WORLD, ignoreProgress)
  }
}

function jobOf(node: Node) {
  return node.jobs.find(({ job }) => job === JOB)
}

function refusalOrThrow(error: unknown): ActionEnd {
  if (error instanceof MillraceError) return { refused: error }
  throw error
}

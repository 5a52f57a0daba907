import {
  type Author,
  type Deployment,
  type DeploymentAction,
  FatalError,
  type JobReport,
  type JobSettings,
  type RefusedError,
  type Release,
  type Savepoint,
  type StatedError,
} from '@millrace/core'
import { readRestore } from '../savepoints/restore-file.ts'
import { resumeRestore } from '../savepoints/restore-savepoint.ts'
import { deleteSavepoint, takeSavepoint } from '../savepoints/savepoints.ts'
import {
  dropSavepoint,
  returnForRollback,
  returnFromDeploy,
  returnIfChanged,
  takeBeforeDeploy,
} from './deploy-savepoints.ts'
import type { DeployedJobOptions } from './deployed-job-options.ts'
import { trialOf, withoutDeploy, withReturn } from './deployment-trial.ts'
import { drained, drainFailed } from './drain-containers.ts'
import { JobContainers } from './job-containers.ts'
import { JobOperations } from './job-operations.ts'
import { reportOf } from './job-report.ts'
import { changeUndone, nodeClosing } from './refused-changes.ts'
import { replaceContainers } from './replace-containers.ts'
import { type SetBackPlace, setBackTo } from './set-back.ts'
import { statedError } from './stated-error.ts'

/** The author of what the node does by itself. */
const NODE: Author = { by: 'node', why: null }

/**
 * One job of a node: its deployment as recorded, and the containers that run it. One operation is done at a time. Each is
 * recorded before it is done.
 */
export class DeployedJob {
  readonly #options: DeployedJobOptions
  #deployment: Deployment | undefined
  #containers: JobContainers | undefined
  readonly #operations: JobOperations
  readonly #closing = new AbortController()
  /** Ends the drain that is under way. */
  #endDrain: AbortController | undefined
  #named = 0

  constructor(options: DeployedJobOptions) {
    this.#options = options
    this.#operations = new JobOperations(options.job)
  }

  /** The name of the job. */
  get job(): string {
    return this.#options.job
  }

  /** Whether an operation is under way. */
  get isBusy(): boolean {
    return this.#operations.present !== null
  }

  /** The job's condition; undefined if it is not deployed. */
  get report(): JobReport | undefined {
    if (this.#deployment === undefined) return undefined
    return reportOf(this.#deployment, this.#containers?.all ?? [], this.#operations.present, this.#options.disk.bytes)
  }

  /** Continues with what was recorded. A deploy that was not finished is undone. */
  async resume(recorded: Deployment): Promise<void> {
    const { savepoints } = this.#options
    if (recorded.trial === null) {
      this.#deployment = recorded
      const error = await resumeRestore(savepoints).then(() => null, statedError)
      if (error !== null) return this.#recordFailure(error)
    } else {
      // Before the deploy counts as undone: until then, the next node does it.
      await this.#recordUndone('interrupted', withoutDeploy(recorded), recorded.savepoint)
    }
    if (this.#deployment?.desired === 'running') this.#run()
    // It may take as long as the inputs are long: the node does not wait for it.
    if (this.#deployment?.desired === 'draining') {
      const print = (error: unknown) => this.#options.logs.print(this.job, 'node', 'error', statedError(error).message)
      this.#exclusive('drain', () => this.#drain(() => undefined)).catch(print)
    }
  }

  /** Runs a release in place of the present one, if there is one. Throws `DEPLOY_FAILED` once everything is undone. */
  async deploy(
    release: Release,
    action: DeploymentAction,
    acceptLoss: readonly string[],
    author: Author,
    onProgress: (text: string) => void,
  ): Promise<void> {
    await this.#exclusive(action, async () => {
      const before = this.#deployment
      const revision = (before?.revision ?? 0) + 1
      const { savepoints } = this.#options
      const savepoint = await takeBeforeDeploy(savepoints, revision)
      const trial = trialOf({ job: this.#options.job, release, acceptLoss, savepoint, before })
      await this.#record(action, trial, author)
      const next = this.#newContainers(release, acceptLoss)
      try {
        if (action === 'rollback') {
          await returnForRollback(savepoints, before?.savepoint, () => this.#end(), onProgress)
        }
        await this.#replace(this.#containers, next, release, onProgress)
        await this.#record('deployed', { ...trial, trial: null }, NODE)
      } catch (error) {
        await this.#endIfClosing(next)
        throw await this.#undo(before, next, trial, error, onProgress)
      }
      this.#containers = next
      await dropSavepoint(savepoints, before?.savepoint)
    })
  }

  /** Returns to the savepoint before a deploy, and records what is deployed after it: failed, if the return has failed. */
  async #recordUndone(
    action: DeploymentAction,
    deployment: Deployment | undefined,
    savepoint: string | undefined,
    reason: StatedError | null = null,
  ): Promise<void> {
    const { job, savepoints, logs } = this.#options
    const error = await returnFromDeploy(savepoints, savepoint, () => this.#end())
    this.#deployment = deployment && error !== null ? withReturn(deployment, savepoint, error) : deployment
    try {
      await this.#record(action, this.#deployment, NODE, error ?? reason)
    } catch (cause) {
      // What is recorded is the deploy. A node that reads that undoes it again, which changes nothing more.
      return logs.print(job, 'node', 'error', `The undoing cannot be recorded: ${statedError(cause).message}`)
    }
    // Otherwise it is the only one that has the former state.
    if (error === null) await dropSavepoint(savepoints, savepoint)
  }

  async restart(author: Author, onProgress: (text: string) => void): Promise<void> {
    await this.#exclusive('restart', async () => {
      const deployment = this.#present
      const started: Deployment = { ...deployment, desired: 'running', error: null }
      await this.#record('restart', started, author)
      const next = this.#newContainers(deployment.release, [])
      try {
        await this.#replace(this.#containers, next, deployment.release, onProgress)
        this.#containers = next
      } catch (error) {
        await this.#endIfClosing(next)
        throw await this.#undo(deployment, next, started, error, onProgress)
      }
    })
  }

  /** Changes the number of containers, or what decides about it. */
  async scale(change: Partial<Pick<JobSettings, 'containers' | 'auto'>>, author: Author): Promise<void> {
    await this.#exclusive('scale', async () => {
      const { release, revision, ...others } = this.#present
      const settings = { ...release.settings, ...change }
      await this.#record('scale', { ...others, revision: revision + 1, release: { ...release, settings } }, author)
      await this.#containers?.scaleTo(settings.containers)
      await this.#containers?.settled()
    })
  }

  /** Processes what the inputs hold, and stops the job. */
  async drain(author: Author, onProgress: (text: string) => void): Promise<void> {
    await this.#exclusive('drain', async () => {
      await this.#record('drain', { ...this.#present, desired: 'draining', error: null }, author)
      await this.#drain(onProgress)
    })
  }

  /** Ends the containers; also a drain that is under way. */
  async stop(author: Author): Promise<void> {
    this.#endDrain?.abort(drainFailed(this.#options.job, 'it was stopped before'))
    if (this.#endDrain !== undefined) await this.#operations.underWay
    await this.#exclusive('stop', async () => {
      await this.#record('stop', { ...this.#present, desired: 'stopped', error: null }, author)
      await this.#end()
    })
  }

  /** Takes a savepoint, whether the job runs or not. Without a name it gets a number. */
  savepoint(name: string | undefined, author: Author): Promise<Savepoint> {
    return this.#exclusive('savepoint', async () => {
      const taken = await takeSavepoint(this.#options.savepoints, name)
      await this.#record('savepoint', this.#present, author, null, taken.name)
      return taken
    })
  }

  /** Stops the job, sets it back to a savepoint or to a place in its inputs, and starts it again if it ran. */
  async setBack(place: SetBackPlace, author: Author, onProgress: (text: string) => void): Promise<void> {
    const { savepoints } = this.#options
    await this.#exclusive('to' in place ? 'rewind' : 'restore savepoint', async () => {
      const { action, done, savepoint, run } = await setBackTo(savepoints, place, onProgress)
      const before = this.#present
      await this.#record(action, before, author, null, savepoint)
      onProgress('Stops the job')
      await this.#end()
      try {
        await run()
        await this.#record(done, before, NODE, null, savepoint)
      } catch (error) {
        // The next change that is not a stop finishes it.
        if (readRestore(savepoints) !== undefined) await this.#recordFailure(statedError(error))
        else if (before.desired === 'running') this.#run()
        throw error
      }
      if (before.desired === 'running') await this.#run().settled()
    })
  }

  async deleteSavepoint(name: string, author: Author): Promise<void> {
    await this.#exclusive('delete savepoint', async () => {
      await deleteSavepoint(this.#options.savepoints, name)
      await this.#record('delete savepoint', this.#present, author, null, name)
    })
  }

  async start(author: Author): Promise<void> {
    await this.#exclusive('start', async () => {
      if (this.#present.desired === 'running') return
      await this.#record('start', { ...this.#present, desired: 'running', error: null }, author)
      await this.#run().settled()
    })
  }

  async undeploy(author: Author): Promise<void> {
    await this.#exclusive('undeploy', async () => {
      await this.#record('undeploy', undefined, author)
      await this.#end()
    })
  }

  /** Measures the room that the job takes, and ends it if that is more than it may, also if it is drained; called now and then. */
  async checkDisk(): Promise<void> {
    const deployment = this.#deployment
    const containers = this.#containers
    const error = deployment && (await this.#options.disk.look(deployment))
    if (error === undefined || containers === undefined || containers !== this.#containers) return
    this.#endDrain?.abort(error)
    await this.#giveUp(containers, statedError(error))
  }

  /** Ends the operation that is under way, and the containers. What is recorded stays, so the next node undoes a deploy. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#end()
    await this.#operations.underWay
    await this.#end()
  }

  /** Ends new containers, and throws, if the node ends: then nothing is undone now. */
  async #endIfClosing(next: JobContainers): Promise<void> {
    if (!this.#closing.signal.aborted) return
    await next.removeAll()
    throw nodeClosing()
  }

  get #present(): Deployment {
    if (this.#deployment === undefined) throw new Error(`Job ${this.#options.job} is not deployed`)
    return this.#deployment
  }

  /** Starts the containers of what is recorded. */
  #run(): JobContainers {
    const { release } = this.#present
    const containers = this.#newContainers(release, [], this.#present.desired === 'draining')
    this.#containers = containers
    containers.fill()
    return containers
  }

  /** Replaces the containers by others that end by themselves, and waits until they have. */
  async #drain(onProgress: (text: string) => void): Promise<void> {
    const { job } = this.#options
    const end = new AbortController()
    this.#endDrain = end
    try {
      await this.#end()
      onProgress('Processes what the inputs hold now')
      await drained(job, this.#run(), AbortSignal.any([end.signal, this.#closing.signal]))
    } catch (error) {
      if (this.#closing.signal.aborted) throw nodeClosing()
      await this.#end()
      // A stop records what it does.
      if (end.signal.aborted && !(error instanceof FatalError)) throw error
      await this.#recordFailure(statedError(error))
      throw error
    } finally {
      this.#endDrain = undefined
    }
    await this.#end()
    await this.#record('drained', { ...this.#present, desired: 'stopped' }, NODE)
  }

  async #end(): Promise<void> {
    const containers = this.#containers
    this.#containers = undefined
    await containers?.removeAll()
  }

  #newContainers(release: Release, acceptLoss: readonly string[], untilEnd = false): JobContainers {
    return new JobContainers({
      ...this.#options,
      release,
      acceptLoss,
      untilEnd,
      newName: () => `${this.#deployment?.revision ?? 0}.${++this.#named}`,
      onFailed: (containers, error) => void this.#giveUp(containers, error).catch(() => undefined),
    })
  }

  #replace(
    present: JobContainers | undefined,
    next: JobContainers,
    { settings: { containers } }: Release,
    onProgress: (text: string) => void,
  ): Promise<void> {
    const { signal } = this.#closing
    return replaceContainers(present, next, { ...this.#options, containers, onProgress, signal })
  }

  /** Returns to what was there before a deploy that has failed; returns the error to report. */
  async #undo(
    before: Deployment | undefined,
    next: JobContainers,
    trial: Deployment,
    cause: unknown,
    onProgress: (text: string) => void,
  ): Promise<RefusedError> {
    const { job, logs } = this.#options
    const reason = statedError(cause)
    logs.print(job, 'node', 'error', reason.message)
    onProgress('It failed. Undoes the change')
    await next.removeAll()
    const savepoint = trial.trial === null ? undefined : trial.savepoint
    // One that was refused, since it met the stores of the new ones, starts again.
    if (this.#containers?.all.some(({ slot }) => slot.state.phase === 'failed')) await this.#end()
    await this.#recordUndone('undone', before && { ...before, revision: trial.revision + 1 }, savepoint, reason)
    if (this.#deployment?.desired === 'running') {
      const running = this.#containers ?? this.#run()
      running.fill()
      await running.settled()
    }
    return changeUndone(job, cause, this.#deployment?.desired)
  }

  /** A container of the job was given up: the whole job ends, since its tasks would fail in the other containers too. */
  async #giveUp(containers: JobContainers, error: StatedError): Promise<void> {
    if (containers !== this.#containers || this.#operations.present !== null) return
    await this.#exclusive('give up', async () => {
      await this.#recordFailure(error)
      await this.#end()
    })
  }

  /** Finishes what was to set the job back, and has failed. */
  async #finishReturn(): Promise<void> {
    const { savepoints } = this.#options
    await resumeRestore(savepoints)
    if (this.#deployment?.returnTo === undefined) return
    const { returnTo, ...deployment } = this.#deployment
    await returnIfChanged(savepoints, returnTo, () => this.#end())
    await this.#record('undone', deployment, NODE)
    await dropSavepoint(savepoints, returnTo)
  }

  #recordFailure(error: StatedError): Promise<void> {
    return this.#record('failed', { ...this.#present, desired: 'failed', error }, NODE, error)
  }

  async #record(
    action: DeploymentAction,
    deployment: Deployment | undefined,
    author: Author,
    error: StatedError | null = null,
    savepoint?: string,
  ): Promise<void> {
    await this.#options.deployments.record(this.#options.job, action, deployment ?? null, author, error, savepoint)
    this.#deployment = deployment
  }

  async #exclusive<T>(operation: string, run: () => Promise<T>): Promise<T> {
    if (this.#closing.signal.aborted) throw nodeClosing()
    const result = await this.#operations.run(operation, async () => {
      // A restore that was interrupted is finished before anything else is done with the job's state.
      if (operation !== 'stop' && operation !== 'undeploy') await this.#finishReturn()
      return run()
    })
    const failed = this.#containers?.all.find(({ slot }) => slot.state.phase === 'failed')?.slot.state.error
    if (this.#containers !== undefined && failed) await this.#giveUp(this.#containers, failed)
    return result
  }
}

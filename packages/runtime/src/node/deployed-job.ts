import {
  type Author,
  type Deployment,
  type DeploymentAction,
  FatalError,
  type JobReport,
  type JobSettings,
  RefusedError,
  type Release,
  type Savepoint,
  type StatedError,
} from '@millrace/core'
import { readRestore } from '../savepoints/restore-file.ts'
import { resumeRestore } from '../savepoints/restore-savepoint.ts'
import { deleteSavepoint, takeSavepoint } from '../savepoints/savepoints.ts'
import {
  afterReturn,
  dropSavepoint,
  haveStoresChanged,
  returnIfChanged,
  takeBeforeDeploy,
} from './deploy-savepoints.ts'
import type { DeployedJobOptions } from './deployed-job-options.ts'
import { drained, drainFailed } from './drain-containers.ts'
import { JobContainers } from './job-containers.ts'
import { JobOperations } from './job-operations.ts'
import { reportOf } from './job-report.ts'
import { nodeClosing } from './refused-changes.ts'
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
    const { trial, previous } = recorded
    if (trial !== null && previous === null) return this.#record('interrupted', undefined, NODE)
    const { savepoints } = this.#options
    if (trial === null || previous === null) {
      this.#deployment = recorded
      const error = await resumeRestore(savepoints).then(() => null, statedError)
      if (error !== null) return this.#recordFailure(error)
    } else {
      const { savepoint, revision, ...others } = recorded
      const undone: Deployment = { ...others, revision: revision + 1, release: previous, previous: null, trial: null }
      // Before the deploy counts as undone: until then, the next node does it.
      await this.#record('interrupted', await afterReturn(savepoints, undone, savepoint), NODE)
      await dropSavepoint(savepoints, savepoint)
    }
    if (this.#deployment?.desired === 'running') this.#run(trial?.acceptLoss ?? [])
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
      const trial: Deployment = {
        job: this.#options.job,
        revision,
        release,
        previous: before?.release ?? null,
        desired: 'running',
        trial: { acceptLoss },
        ...(savepoint !== undefined && { savepoint }),
        error: null,
      }
      await this.#record(action, trial, author)
      const next = this.#newContainers(release, acceptLoss)
      try {
        if (action === 'rollback') await this.#returnState(before?.savepoint, onProgress)
        await this.#replace(this.#containers, next, release, onProgress)
      } catch (error) {
        await this.#endIfClosing(next)
        throw await this.#undo(before, next, trial, acceptLoss, error, onProgress)
      }
      this.#containers = next
      await this.#record('deployed', { ...trial, trial: null }, NODE)
      await dropSavepoint(savepoints, before?.savepoint)
    })
  }

  /** Before a rollback from a deploy that has changed the stores: stops the job, and sets it back to how it was before. */
  async #returnState(savepoint: string | undefined, onProgress: (text: string) => void): Promise<void> {
    const { savepoints } = this.#options
    if (!(await haveStoresChanged(savepoints, savepoint))) return
    onProgress(`The deploy has changed the stores. Stops the job, and sets it back to savepoint ${savepoint}`)
    await this.#end()
    await returnIfChanged(savepoints, savepoint)
  }

  async restart(author: Author, onProgress: (text: string) => void): Promise<void> {
    await this.#exclusive('restart', async () => {
      const deployment = this.#present
      const started: Deployment = { ...deployment, desired: 'running', error: null }
      await this.#record('restart', started, author)
      const present = this.#containers
      const next = this.#newContainers(deployment.release, [])
      try {
        await this.#replace(present, next, deployment.release, onProgress)
        this.#containers = next
      } catch (error) {
        await this.#endIfClosing(next)
        throw await this.#undo(deployment, next, started, [], error, onProgress)
      }
    })
  }

  /** Changes the number of containers, or what decides about it. */
  async scale(change: Partial<Pick<JobSettings, 'containers' | 'auto'>>, author: Author): Promise<void> {
    await this.#exclusive('scale', async () => {
      const { release, revision, ...others } = this.#present
      const settings = { ...release.settings, ...change }
      const { containers } = settings
      await this.#record('scale', { ...others, revision: revision + 1, release: { ...release, settings } }, author)
      await this.#containers?.scaleTo(containers)
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
        else if (before.desired === 'running') this.#run([])
        throw error
      }
      if (before.desired === 'running') await this.#run([]).settled()
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
      await this.#run([]).settled()
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
  #run(acceptLoss: readonly string[]): JobContainers {
    const { release } = this.#present
    const containers = this.#newContainers(release, acceptLoss, this.#present.desired === 'draining')
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
      await drained(job, this.#run([]), AbortSignal.any([end.signal, this.#closing.signal]))
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
    const { job, env, logs, healthyAfterMs } = this.#options
    const report = (text: string) => {
      logs.print(job, 'node', 'info', text)
      onProgress(text)
    }
    const { signal } = this.#closing
    return replaceContainers(present, next, { job, env, containers, healthyAfterMs, onProgress: report, signal })
  }

  /** Returns to what was there before a deploy that has failed; returns the error to report. */
  async #undo(
    before: Deployment | undefined,
    next: JobContainers,
    trial: Deployment,
    acceptLoss: readonly string[],
    cause: unknown,
    onProgress: (text: string) => void,
  ): Promise<RefusedError> {
    const { job, logs } = this.#options
    const reason = statedError(cause)
    logs.print(job, 'node', 'error', reason.message)
    onProgress('It failed. Undoes the change')
    await next.removeAll()
    const savepoint = trial.trial === null ? undefined : trial.savepoint
    const { savepoints } = this.#options
    const undone = before && (await afterReturn(savepoints, { ...before, revision: trial.revision + 1 }, savepoint))
    await this.#record('undone', undone, NODE, reason)
    await dropSavepoint(savepoints, savepoint)
    if (undone?.desired === 'running') {
      const running = this.#containers ?? this.#newContainers(undone.release, acceptLoss)
      this.#containers = running
      running.fill()
      await running.settled()
    }
    const now = before === undefined ? 'It is not deployed' : `What ran before is ${before.desired} again`
    return new RefusedError('DEPLOY_FAILED', `${reason.message}. ${now}`, { job, cause })
  }

  /** A container of the job was given up: the whole job ends, since its tasks would fail in the other containers too. */
  async #giveUp(containers: JobContainers, error: StatedError): Promise<void> {
    if (containers !== this.#containers || this.#operations.present !== null) return
    await this.#exclusive('give up', async () => {
      await this.#recordFailure(error)
      await this.#end()
    })
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
      if (operation !== 'stop' && operation !== 'undeploy') await resumeRestore(this.#options.savepoints)
      return run()
    })
    const failed = this.#containers?.all.find(({ slot }) => slot.state.phase === 'failed')?.slot.state.error
    if (this.#containers !== undefined && failed) await this.#giveUp(this.#containers, failed)
    return result
  }
}

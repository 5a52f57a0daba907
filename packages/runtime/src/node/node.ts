import {
  type Author,
  type Env,
  type JobReport,
  type JobSettings,
  type Log,
  type PlannedStart,
  RefusedError,
  type Savepoint,
  type Timer,
} from '@millrace/core'
import type { LevelEngine } from '@millrace/state'
import { findTraces, resetJob } from '../reset-job.ts'
import type { RestoreSavepointOptions } from '../savepoints/restore-savepoint.ts'
import type { RewindRequest } from '../savepoints/rewind-plan.ts'
import { listSavepoints, type SavepointsOptions } from '../savepoints/savepoints.ts'
import { ArtefactPlans } from './artefact-plans.ts'
import { AUTO_LOOK_MS, AutoScales } from './auto-scale.ts'
import { ContainerLogs } from './container-logs.ts'
import type { StartContainer } from './container-process.ts'
import { DeployedJob } from './deployed-job.ts'
import { DEFAULT_SETTINGS } from './deployment.ts'
import { Deployments, type HistoryPage, type HistoryRequest, readDeployments } from './deployments.ts'
import { DiskUse } from './disk-use.ts'
import { HISTORY_EVENTS_DEFAULT } from './limits.ts'
import { NodeArtefacts } from './node-artefacts.ts'
import { lockNode } from './node-lock.ts'
import { setBackTo } from './set-back.ts'
import { checkSettings } from './settings.ts'

/** What a node runs with. */
export interface NodeOptions {
  readonly log: Log
  readonly env: Env
  /** The data directory; the node's lock, artefacts and log files are in its folder `node`, the containers' state in `state`. */
  readonly data: string
  readonly start: StartContainer
  /** How long new containers must run without a failure before a deploy counts as healthy, ms. Default 3 000. */
  readonly healthyAfterMs?: number
  /** The store that holds the containers' state: the same as their option of that name. Default: LevelDB. */
  readonly engine?: LevelEngine
}

/** A job that fails on the first record that it reads has failed by then. */
const HEALTHY_AFTER_MS = 3_000

/** What a deploy asks for. */
export interface DeployRequest {
  /** The id of the artefact. */
  readonly artefact: string
  /** What differs from the settings that the job has, or from the defaults if it is new. */
  readonly settings?: Partial<JobSettings>
  /** The stores that may lose what they hold. */
  readonly acceptLoss?: readonly string[]
}

/** What an undeployed job has computed for itself. */
export interface JobTraces {
  readonly topics: readonly string[]
  /** The directory of its local state; null if it never ran. */
  readonly stateDirectory: string | null
}

/** Whether a request only states what it would do. */
export interface DryRun {
  readonly dryRun?: boolean
}

/** How many containers a job should have. */
export type ScaleRequest = Partial<Pick<JobSettings, 'containers' | 'auto'>>

/** Called with each step of an operation, for people. */
export type OnProgress = (text: string) => void

/**
 * Runs the jobs that are deployed on one machine: keeps their containers running, and changes what runs. What is to run is
 * recorded in the log before it is done, so a node that starts again continues with the same jobs.
 */
export class Node {
  readonly logs: ContainerLogs
  readonly #options: NodeOptions
  readonly #deployments: Deployments
  readonly #unlock: () => void
  readonly #artefacts: NodeArtefacts
  readonly #plans: ArtefactPlans
  readonly #jobs = new Map<string, DeployedJob>()
  #nextLook: Timer | undefined
  readonly #autoScales = new AutoScales()

  private constructor(options: NodeOptions, deployments: Deployments, logs: ContainerLogs, unlock: () => void) {
    this.#options = options
    this.#deployments = deployments
    this.logs = logs
    this.#unlock = unlock
    this.#artefacts = new NodeArtefacts(options.env, options.data)
    this.#plans = new ArtefactPlans(options.start, options.env.timers)
  }

  /**
   * Opens the node of a directory, and starts the jobs that are deployed on it. A deploy that a former node did not finish is
   * undone. Throws `NODE_RUNNING` if the directory has a node.
   */
  static async open(options: NodeOptions): Promise<Node> {
    const directory = `${options.data}/node`
    const unlock = lockNode(options.env, directory)
    const logs = new ContainerLogs(options.env, `${directory}/logs`)
    const node = new Node(options, new Deployments(options.log), logs, unlock)
    try {
      await node.#resume()
      node.#look()
      return node
    } catch (error) {
      await node.close()
      throw error
    }
  }

  /** Scales the jobs that are scaled by their lag, and ends those that take too much room, for as long as the node runs. */
  #look(): void {
    this.#nextLook = this.#options.env.timers.after(AUTO_LOOK_MS, () => {
      // What fails, as on a full disk, is tried again at the next look.
      for (const job of this.#jobs.values()) {
        void this.#autoScales.look(job).catch(() => undefined)
        void job.checkDisk().catch(() => undefined)
      }
      this.#look()
    })
  }

  async #resume(): Promise<void> {
    await this.#deployments.make()
    for (const deployment of (await readDeployments(this.#options.log)).values()) {
      const job = this.#newJob(deployment.job)
      this.#jobs.set(deployment.job, job)
      await job.resume(deployment)
      if (job.report === undefined) this.#jobs.delete(deployment.job)
    }
  }

  /** The jobs that are deployed, by name. */
  get jobs(): readonly JobReport[] {
    return [...this.#jobs.values()]
      .flatMap(({ report }) => report ?? [])
      .sort((one, other) => (one.job < other.job ? -1 : 1))
  }

  /** Throws `JOB_MISSING`. */
  job(name: string): JobReport {
    return reported(this.#named(name))
  }

  /** The name of a job that has a log, also of one that is no longer deployed. Throws `JOB_MISSING`. */
  withLog(name: string): string {
    return this.logs.has(name) ? name : this.#named(name).job
  }

  /** The last changes of a job, also of one that was undeployed. Default: 100. */
  history(job: string, { limit = HISTORY_EVENTS_DEFAULT, before }: Partial<HistoryRequest> = {}): Promise<HistoryPage> {
    return this.#deployments.history(job, { limit, ...(before !== undefined && { before }) })
  }

  /**
   * Stores an artefact that was sent as text (`encodeArtefact`), and returns its id. Throws `ARTEFACT_DAMAGED`,
   * `ARTEFACT_VERSION`, `ARTEFACT_TOO_LARGE`, and `SYSTEM_CALL_FAILED` if it cannot be written: then nothing of it is stored.
   */
  storeArtefact(text: string): Promise<string> {
    return this.#artefacts.store(text)
  }

  /**
   * What a deploy would change, as `millrace plan` shows it. Nothing is changed. Throws `BAD_INPUT` for settings that are not
   * accepted, and what the load of the artefact throws, such as `PACKAGE_MISSING`.
   */
  async plan({ artefact, settings, acceptLoss = [] }: DeployRequest): Promise<PlannedStart> {
    const { job } = this.#artefacts.read(artefact).manifest
    const all = this.#settingsOf(this.#jobs.get(job), settings)
    return this.#plans.plan({ job, artefact, settings: all, acceptLoss })
  }

  /**
   * Deploys an artefact: starts its job, or replaces what runs of it. Resolves when it is healthy. Throws `DEPLOY_FAILED` if it
   * is not, once everything is undone, `BAD_INPUT` for settings that are not accepted, and `JOB_BUSY`.
   */
  async deploy(request: DeployRequest, author: Author, onProgress: OnProgress): Promise<JobReport> {
    const { artefact, settings, acceptLoss = [] } = request
    const name = this.#artefacts.read(artefact).manifest.job
    const job = this.#jobs.get(name) ?? this.#newJob(name)
    const all = this.#settingsOf(job, settings)
    this.#jobs.set(name, job)
    try {
      await job.deploy({ artefact, settings: all }, 'deploy', acceptLoss, author, onProgress)
    } finally {
      // Another deploy of the job may be under way, and not be recorded yet.
      if (job.report === undefined && !job.isBusy) this.#jobs.delete(name)
    }
    await this.#removeArtefacts()
    return reported(job)
  }

  /**
   * Returns to what ran before the last deploy; if that has changed the stores, to the state and positions before it too. Throws
   * `BAD_INPUT` if nothing ran before, and what `deploy` throws.
   */
  async rollback(name: string, author: Author, onProgress: OnProgress): Promise<JobReport> {
    const job = this.#named(name)
    const { previous } = reported(job).deployment
    if (previous === null) {
      throw new RefusedError('BAD_INPUT', `Job ${name} was deployed once, so there is nothing to return to`, {
        job: name,
      })
    }
    await job.deploy(previous, 'rollback', [], author, onProgress)
    return reported(job)
  }

  /**
   * Changes the number of containers, or lets the node choose it between two numbers (`auto`) by the job's lag. A number alone
   * ends that choice.
   */
  async scale(name: string, change: ScaleRequest, author: Author): Promise<JobReport> {
    const job = this.#named(name)
    const { auto = null } = change
    const { containers = reported(job).deployment.release.settings.containers } = change
    checkSettings({ ...reported(job).deployment.release.settings, containers, auto })
    await job.scale({ containers, auto }, author)
    return reported(job)
  }

  /** Commits, and ends the containers. The job stays deployed, and stopped, until it is started. */
  async stop(name: string, author: Author): Promise<JobReport> {
    const job = this.#named(name)
    await job.stop(author)
    return reported(job)
  }

  /**
   * Processes what the inputs hold now, commits, and ends the containers; the job stays deployed, and stopped. A node that ends
   * meanwhile continues when it starts again. Throws `DRAIN_FAILED`.
   */
  async drain(name: string, author: Author, onProgress: OnProgress): Promise<JobReport> {
    const job = this.#named(name)
    await job.drain(author, onProgress)
    return reported(job)
  }

  /** Takes a savepoint of a job, running or not; without a name it gets a number. Throws `SAVEPOINT_EXISTS`. */
  savepoint(name: string, savepoint: string | undefined, author: Author): Promise<Savepoint> {
    return this.#named(name).savepoint(savepoint, author)
  }

  /** The savepoints of a job, the oldest first. */
  savepoints(name: string): readonly Savepoint[] {
    return listSavepoints(this.#savepointsOf(this.#named(name).job))
  }

  /**
   * Stops a job, sets its positions and state back to a savepoint, and starts it again if it ran. Throws `SAVEPOINT_MISSING`, and what
   * `restoreSavepoint` throws.
   */
  async restoreSavepoint(
    name: string,
    savepoint: string,
    how: RestoreSavepointOptions,
    author: Author,
    onProgress: OnProgress,
  ): Promise<JobReport> {
    const job = this.#named(name)
    await job.setBack({ savepoint, ...how }, author, onProgress)
    return reported(job)
  }

  /**
   * As `restoreSavepoint`, to a place in the inputs: see `rewind`. With `dryRun`, only the steps are reported that state what it would
   * do.
   */
  async rewind(
    name: string,
    request: RewindRequest & DryRun,
    author: Author,
    onProgress: OnProgress,
  ): Promise<JobReport> {
    const job = this.#named(name)
    if (request.dryRun === true) await setBackTo(this.#savepointsOf(name), request, onProgress)
    else await job.setBack(request, author, onProgress)
    return reported(job)
  }

  /** Throws `SAVEPOINT_MISSING`. */
  deleteSavepoint(name: string, savepoint: string, author: Author): Promise<void> {
    return this.#named(name).deleteSavepoint(savepoint, author)
  }

  /** Starts a job that was stopped or has failed. */
  async start(name: string, author: Author): Promise<JobReport> {
    const job = this.#named(name)
    await job.start(author)
    return reported(job)
  }

  /** Replaces the containers by others that run the same, one after the other. */
  async restart(name: string, author: Author, onProgress: OnProgress): Promise<JobReport> {
    const job = this.#named(name)
    await job.restart(author, onProgress)
    return reported(job)
  }

  /**
   * Ends a job, and forgets it. What it has computed for itself stays, unless `purge` deletes it; its outputs always stay.
   * Returns what stayed, or was deleted.
   */
  async undeploy(name: string, purge: boolean, author: Author): Promise<JobTraces> {
    await this.#named(name).undeploy(author)
    this.#jobs.delete(name)
    this.#autoScales.remove(name)
    await this.#removeArtefacts()
    const { log, env, data } = this.#options
    const all = { job: name, log, env, stateDirectory: `${data}/state` }
    try {
      return purge ? await resetJob(all) : await findTraces(all)
    } catch (error) {
      // It never ran, so it has computed nothing.
      if (error instanceof RefusedError && error.code === 'TOPIC_MISSING') return { topics: [], stateDirectory: null }
      throw error
    }
  }

  /** Ends all containers, and the node. The jobs stay deployed: the next node starts them. */
  async close(): Promise<void> {
    this.#nextLook?.cancel()
    this.#plans.close()
    await Promise.all([...this.#jobs.values()].map((job) => job.close()))
    this.logs.close()
    this.#unlock()
  }

  /** The settings that a job has after a change. Throws `BAD_INPUT` if they are not accepted. */
  #settingsOf(job: DeployedJob | undefined, change: Partial<JobSettings> | undefined): JobSettings {
    const all = { ...(job?.report?.deployment.release.settings ?? DEFAULT_SETTINGS), ...change }
    checkSettings(all)
    return all
  }

  /** Removes the artefacts that no job needs any more. */
  #removeArtefacts(): Promise<void> {
    const needed = this.jobs.flatMap(({ deployment: { release, previous } }) => [release.artefact, previous?.artefact])
    return this.#artefacts.removeAllBut(new Set(needed))
  }

  #newJob(job: string): DeployedJob {
    const { env, start, healthyAfterMs = HEALTHY_AFTER_MS } = this.#options
    return new DeployedJob({
      job,
      env,
      start,
      healthyAfterMs,
      logs: this.logs,
      deployments: this.#deployments,
      savepoints: this.#savepointsOf(job),
      disk: new DiskUse(this.#savepointsOf(job)),
    })
  }

  #savepointsOf(job: string): SavepointsOptions {
    const { log, env, data, engine } = this.#options
    return { job, log, env, data, stateDirectory: `${data}/state`, ...(engine !== undefined && { engine }) }
  }

  #named(name: string): DeployedJob {
    const job = this.#jobs.get(name)
    if (job !== undefined) return job
    const names = [...this.#jobs.keys()].sort().join(', ')
    throw new RefusedError('JOB_MISSING', `No job ${name} is deployed. Deployed are: ${names || 'none'}`, { job: name })
  }
}

/** An operation on a job leaves it deployed. */
function reported({ report }: DeployedJob): JobReport {
  if (report === undefined) throw new Error('The job is not deployed')
  return report
}

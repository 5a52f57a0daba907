import {
  type DeploymentEvent,
  type DiskSpace,
  ERROR_CODES,
  type ErrorCode,
  errorWithCode,
  type JobPlan,
  type JobReport,
  type JobSettings,
  type LogLevel,
  type LogLine,
  type PlannedStart,
  RefusedError,
  type Savepoint,
} from '@millrace/core'
import { HttpTransport, type SentBody } from './http-transport.ts'
import { field, listField, textField } from './json-fields.ts'
import { type ClientOptions, MillraceClient } from './millrace-client.ts'
import { badAnswer } from './server-error.ts'

/** What a node answers at most with one page of a history. */
const HISTORY_PAGE_MAX = 1000

/** Who makes a change, and why; both are recorded. */
export interface ChangeOptions {
  /** Default: `http`. */
  readonly by?: string
  /** Default: no reason is recorded. */
  readonly why?: string
  /** Called with each step of the change, for people. */
  readonly onStep?: (step: string) => void
}

/** What is deployed, and how. */
export interface DeployOptions extends ChangeOptions {
  /** What differs from the settings that the job has, or from the defaults if it is new. */
  readonly settings?: Partial<JobSettings>
  /** The stores that may lose what they hold. Default: none. */
  readonly acceptLoss?: readonly string[]
}

/** Where a job is rewound to, and how. */
export interface RewindOptions extends ChangeOptions {
  /** `start`, an ISO date, or a position such as `orders/0=1200`. Default `start`. */
  readonly to?: string
  /** Keep the present state: what is processed again has its effect on it again. Default false: the job begins with no state. */
  readonly keepState?: boolean
  /** Allow to leave out records that the job has not processed. Default false. */
  readonly skip?: boolean
  /** Append again to the outputs what the job had appended. Default false. */
  readonly repeatOutputs?: boolean
  /** Only report the steps: what a rewind would do. Default false. */
  readonly dryRun?: boolean
}

/** How a job is undeployed. */
export interface UndeployOptions extends ChangeOptions {
  /** Delete what the job has computed for itself: its own topics and its state. Default false. */
  readonly purge?: boolean
}

/** What an undeployed job has computed for itself, which stayed or was deleted. */
export interface UndeployedJob {
  readonly topics: readonly string[]
  /** The directory of its local state; null if it never ran. */
  readonly stateDirectory: string | null
}

/** Which lines of a job's log are read. */
export interface LogOptions {
  /** How many of the last lines. Default 100. */
  readonly lines?: number
  /** Lines of this container only. Default: of all. */
  readonly container?: string
  /** Lines of this level or above. Default `info`. */
  readonly level?: LogLevel
  /** Go on with later lines until `signal` is aborted. Default false. */
  readonly follow?: boolean
  readonly signal?: AbortSignal
}

/** What a node reports about itself. */
export interface NodeDescription {
  /** The version of Millrace. */
  readonly version: string
  readonly pid: number
  /** The data directory. */
  readonly data: string
  /** When it started, ms since the epoch. */
  readonly sinceMs: number
  /** The node's URL. */
  readonly url: string
  /** The room on the disk of the data directory; null if the system does not state it. */
  readonly disk: DiskSpace | null
}

/**
 * Sees and changes what a node runs. Its calls reject with the errors of the node (`docs/errors.md` lists their codes), and with
 * `SERVER_UNREACHABLE` and `BAD_ANSWER`, as those of `MillraceClient` do.
 *
 * ```ts
 * const node = new NodeClient('http://127.0.0.1:4700', { token })
 * for (const { job, phase, lag } of await node.jobs()) console.log(job, phase, lag)
 * ```
 */
export class NodeClient {
  readonly #transport: HttpTransport
  readonly #options: ClientOptions

  /** `url`: the URL of the node. Changes need the node's admin token. */
  constructor(url: string, options: ClientOptions = {}) {
    this.#transport = new HttpTransport(url, options.fetch ?? fetch, options.token)
    this.#options = options
  }

  /** What the node reports about itself. */
  async about(): Promise<NodeDescription> {
    const body = await this.#transport.read('/node', {})
    if (isNode(body)) return body
    throw badAnswer(this.#transport.url, 'its description has an unknown form')
  }

  /** The jobs that are deployed, by name. */
  async jobs(): Promise<readonly JobReport[]> {
    const body = await this.#transport.read('/jobs', {})
    return this.#checked(() => listField(body, 'jobs').map(jobReport))
  }

  /** One job. Rejects with `JOB_MISSING`. */
  async job(name: string): Promise<JobReport> {
    const body = await this.#transport.read(jobPath(name), {})
    return this.#checked(() => jobReport(body))
  }

  /** What was done to a job last, oldest first: as many changes as `limit` states, if there are so many. Default 100. */
  async history(name: string, { limit = 100 }: { readonly limit?: number } = {}): Promise<readonly DeploymentEvent[]> {
    const events: DeploymentEvent[] = []
    let before: number | null | undefined
    while (events.length < limit && before !== null) {
      const query = {
        limit: Math.min(limit - events.length, HISTORY_PAGE_MAX),
        ...(before !== undefined && { before }),
      }
      const body = await this.#transport.read(jobPath(name, 'history'), query)
      // Client and node of one version agree on the fields.
      events.unshift(...this.#checked(() => listField(body, 'history') as readonly DeploymentEvent[]))
      const earlier = field(body, 'before')
      before = typeof earlier === 'number' ? earlier : null
    }
    return events
  }

  /** The lines of a job's log, oldest first. */
  async *logs(name: string, { signal, follow = false, ...parameters }: LogOptions = {}): AsyncGenerator<LogLine, void> {
    const query = { ...parameters, ...(follow && { follow: 'true' }) }
    for await (const line of this.#transport.lines(
      jobPath(name, 'logs'),
      query,
      signal === undefined ? {} : { signal },
    )) {
      yield line as LogLine
    }
  }

  /** The views of a job, answered by its containers. */
  views(name: string): MillraceClient {
    return new MillraceClient(`${this.#transport.url}${jobPath(name)}`, this.#options)
  }

  /** Stores an artefact (as `encodeArtefact` of `@millrace/runtime` writes it) on the node, and returns its id. */
  async upload(artefact: string): Promise<string> {
    const body = await this.#transport.send('/artefacts', { type: 'application/json', body: artefact })
    return this.#checked(() => textField(body, 'artefact'))
  }

  /**
   * Deploys an artefact that the node has: starts its job, or replaces what runs of it. Resolves when it is healthy; rejects with
   * `DEPLOY_FAILED` once everything is undone.
   */
  deploy(artefact: string, { settings, acceptLoss, ...options }: DeployOptions = {}): Promise<JobReport> {
    return this.#change('/deploy', { artefact, settings, acceptLoss }, options)
  }

  /**
   * What a deploy of an artefact that the node has would change. Nothing is changed. `text` is the plan as `millrace plan` prints
   * it; a start that is refused has the reasons in `plan.refusals`.
   */
  async plan(artefact: string, { settings, acceptLoss }: DeployOptions = {}): Promise<PlannedStart> {
    const body = await this.#transport.send('/plan', jsonBody({ artefact, settings, acceptLoss }))
    return this.#checked(() => {
      textField(field(body, 'plan'), 'change')
      // Client and node of one version agree on the other fields.
      return { plan: field(body, 'plan') as JobPlan, text: textField(body, 'text') }
    })
  }

  /** Returns to what ran before the last deploy; if that has changed the stores, to the state and positions before it too. */
  rollback(name: string, options: ChangeOptions = {}): Promise<JobReport> {
    return this.#change(jobPath(name, 'rollback'), {}, options)
  }

  /** Replaces the containers by others that run the same, one after the other. */
  restart(name: string, options: ChangeOptions = {}): Promise<JobReport> {
    return this.#change(jobPath(name, 'restart'), {}, options)
  }

  /** Changes the number of containers, or lets the node choose it between two numbers by the job's lag. */
  scale(
    name: string,
    to: number | { readonly min: number; readonly max: number },
    options: ChangeOptions = {},
  ): Promise<JobReport> {
    return this.#change(jobPath(name, 'scale'), typeof to === 'number' ? { containers: to } : { auto: to }, options)
  }

  /** Processes what the inputs hold now, commits, and ends the containers. The job stays deployed. Rejects with `DRAIN_FAILED`. */
  drain(name: string, options: ChangeOptions = {}): Promise<JobReport> {
    return this.#change(jobPath(name, 'drain'), {}, options)
  }

  /** Commits, and ends the containers. The job stays deployed. */
  stop(name: string, options: ChangeOptions = {}): Promise<JobReport> {
    return this.#change(jobPath(name, 'stop'), {}, options)
  }

  /** Starts a job that was stopped or has failed. */
  start(name: string, options: ChangeOptions = {}): Promise<JobReport> {
    return this.#change(jobPath(name, 'start'), {}, options)
  }

  /** Takes a savepoint of a job, running or not. `savepoint`: its name; default: `savepoint-1`, `savepoint-2` and so on. */
  async savepoint(name: string, savepoint?: string, { by, why }: ChangeOptions = {}): Promise<Savepoint> {
    const body = await this.#transport.send(jobPath(name, 'savepoint'), jsonBody({ name: savepoint, by, why }))
    return this.#checked(() => savepointOf(field(body, 'savepoint')))
  }

  /** The savepoints of a job, the oldest first. */
  async savepoints(name: string): Promise<readonly Savepoint[]> {
    const body = await this.#transport.read(jobPath(name, 'savepoints'), {})
    return this.#checked(() => listField(body, 'savepoints').map(savepointOf))
  }

  /**
   * Stops a job, sets its positions and state back to a savepoint, and starts it again if it ran. What it processes again, it does not
   * append again to its outputs, unless `repeatOutputs` is true. Rejects with `SAVEPOINT_MISSING`.
   */
  restoreSavepoint(
    name: string,
    savepoint: string,
    { repeatOutputs = false, ...options }: ChangeOptions & { readonly repeatOutputs?: boolean } = {},
  ): Promise<JobReport> {
    return this.#change(jobPath(name, 'restore-savepoint'), { name: savepoint, repeatOutputs }, options)
  }

  /**
   * As `restoreSavepoint`, to a place in the inputs, from which the job processes them again. Rejects with `REWIND_REFUSED`, and with
   * `BAD_POSITION` for text that is not a place.
   */
  rewind(
    name: string,
    { to = 'start', keepState, skip, repeatOutputs, dryRun, ...options }: RewindOptions = {},
  ): Promise<JobReport> {
    return this.#change(jobPath(name, 'rewind'), { to, keepState, skip, repeatOutputs, dryRun }, options)
  }

  /** Rejects with `SAVEPOINT_MISSING`. */
  async deleteSavepoint(name: string, savepoint: string, { by, why }: ChangeOptions = {}): Promise<void> {
    await this.#transport.send(jobPath(name, 'delete-savepoint'), jsonBody({ name: savepoint, by, why }))
  }

  /** Ends a job. What it has computed for itself stays, unless `purge` deletes it. Resolves with what that is. */
  async undeploy(name: string, { by, why, purge }: UndeployOptions = {}): Promise<UndeployedJob> {
    const body = await this.#transport.send(jobPath(name, 'undeploy'), jsonBody({ by, why, purge }))
    return this.#checked(() => {
      const directory = field(body, 'stateDirectory')
      return {
        topics: listField(body, 'topics').map(String),
        stateDirectory: directory === null ? null : textField(body, 'stateDirectory'),
      }
    })
  }

  async #change(path: string, body: object, { by, why, onStep }: ChangeOptions): Promise<JobReport> {
    for await (const line of this.#transport.lines(path, {}, { sent: jsonBody({ ...body, by, why }) })) {
      const { step, job, error } = this.#checked(() => ({
        step: field(line, 'step'),
        job: field(line, 'job'),
        error: field(line, 'error'),
      }))
      if (typeof step === 'string') onStep?.(step)
      if (error !== undefined) throw this.#checked(() => statedError(error))
      if (job !== undefined) return this.#checked(() => jobReport(job))
    }
    throw badAnswer(this.#transport.url, 'the answer ended before the change did')
  }

  #checked<T>(read: () => T): T {
    try {
      return read()
    } catch (cause) {
      throw badAnswer(this.#transport.url, 'its answer has an unknown form', cause)
    }
  }
}

function jobPath(name: string, what?: string): string {
  return `/jobs/${encodeURIComponent(name)}${what === undefined ? '' : `/${what}`}`
}

function jsonBody(value: object): SentBody {
  return { type: 'application/json', body: JSON.stringify(value) }
}

/** Its other fields are not checked: client and node of one version agree on them. */
function jobReport(json: unknown): JobReport {
  textField(json, 'job')
  textField(json, 'phase')
  listField(json, 'containers')
  return json as JobReport
}

function savepointOf(json: unknown): Savepoint {
  textField(json, 'name')
  return json as Savepoint
}

function statedError(json: unknown): Error {
  const code = textField(json, 'code')
  const message = textField(json, 'message')
  return isCode(code)
    ? errorWithCode(code, message)
    : new RefusedError('BAD_ANSWER', `The node answers ${code}: ${message}`)
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code)
}

function isNode(body: unknown): body is NodeDescription {
  return typeof field(body, 'version') === 'string' && typeof field(body, 'pid') === 'number'
}

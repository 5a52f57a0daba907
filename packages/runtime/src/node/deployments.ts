import {
  type Author,
  type Deployment,
  type DeploymentEvent,
  type DeploymentRecord,
  type Log,
  openTopicWriter,
  readTopic,
} from '@millrace/core'
import { DEPLOYMENTS_TOPIC, deploymentsTopic } from './deployment.ts'
import { HISTORY_RECORDS_MAX, HISTORY_STEP_MAX } from './limits.ts'

/** Which part of a job's history is read. */
export interface HistoryRequest {
  /** So many changes at most, the latest. */
  readonly limit: number
  /** Only what is before this: `before` of a page. */
  readonly before?: number
}

/** A part of a job's history. */
export interface HistoryPage {
  /** Oldest first. */
  readonly history: readonly DeploymentEvent[]
  /** The `before` of a request for the earlier page; null on the first page. An earlier page may be empty, and still not the first. */
  readonly before: number | null
}

interface RecordedEvent {
  readonly offset: number
  readonly event: DeploymentEvent
}

/** The deployments in a log, by job; none if the log never had a node. */
export async function readDeployments(log: Log): Promise<ReadonlyMap<string, Deployment>> {
  const present = new Map<string, Deployment>()
  if ((await log.admin.describeTopic(DEPLOYMENTS_TOPIC)) === undefined) return present
  for await (const { event } of events(log)) {
    if (event.deployment === null) present.delete(event.job)
    else present.set(event.job, event.deployment)
  }
  return present
}

/** What a node has recorded: the deployments, and how they came about. */
export class Deployments {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** Makes the topic, if it is missing. */
  async make(): Promise<void> {
    const { admin } = this.#log
    if ((await admin.describeTopic(DEPLOYMENTS_TOPIC)) === undefined) await admin.createTopic(DEPLOYMENTS_TOPIC)
  }

  /** Records a change. It is durable when the promise resolves. */
  async record(
    job: string,
    action: DeploymentRecord['action'],
    deployment: Deployment | null,
    { by, why }: Author,
    error: DeploymentRecord['error'] = null,
    savepoint?: string,
  ): Promise<void> {
    // A new writer for each record: one that has failed, as on a full disk, accepts nothing more.
    const writer = await openTopicWriter(this.#log, deploymentsTopic)
    writer.send({
      key: job,
      value: { action, by, why, deployment, error, ...(savepoint !== undefined && { savepoint }) },
    })
    await writer.close()
  }

  /** The last changes of a job, or the last before an offset. It looks at `HISTORY_RECORDS_MAX` records at most. */
  async history(job: string, { limit, before }: HistoryRequest): Promise<HistoryPage> {
    const { start, end } = await this.#log.admin.offsets(DEPLOYMENTS_TOPIC, 0)
    let to = Math.max(start, Math.min(before ?? end, end))
    const oldest = Math.max(start, to - HISTORY_RECORDS_MAX)
    const found: RecordedEvent[] = []
    while (to > oldest && found.length < limit) {
      const from = Math.max(oldest, to - HISTORY_STEP_MAX)
      found.unshift(...(await this.#eventsOf(job, from, to)))
      to = from
    }
    const [first, ...others] = found.slice(-limit)
    const next = found.length > limit && first !== undefined ? first.offset : to
    const history = first === undefined ? [] : [first, ...others].map(({ event }) => event)
    return { history, before: next > start ? next : null }
  }

  async #eventsOf(job: string, from: number, to: number): Promise<readonly RecordedEvent[]> {
    const found: RecordedEvent[] = []
    for await (const recorded of events(this.#log, from)) {
      if (recorded.offset >= to) break
      if (recorded.event.job === job) found.push(recorded)
    }
    return found
  }
}

/** What was recorded from an offset on, oldest first. */
async function* events(log: Log, from = 0): AsyncGenerator<RecordedEvent, void> {
  const { start } = await log.admin.offsets(DEPLOYMENTS_TOPIC, 0)
  const position = { [DEPLOYMENTS_TOPIC]: { 0: Math.max(start, from) } }
  for await (const record of readTopic(log, deploymentsTopic, { from: position, untilEnd: true })) {
    const { key: job, value, timestamp: atMs, offset } = record
    if (value !== null) yield { offset, event: { ...value, job, atMs } }
  }
}

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

/** What a node has recorded: the deployments, and how they came about. */
export class Deployments {
  readonly #log: Log

  private constructor(log: Log) {
    this.#log = log
  }

  /** Opens the records in a log; the topic is made if it is missing. */
  static async open(log: Log): Promise<Deployments> {
    if ((await log.admin.describeTopic(DEPLOYMENTS_TOPIC)) === undefined) {
      await log.admin.createTopic(DEPLOYMENTS_TOPIC)
    }
    return new Deployments(log)
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

  /** Everything that was recorded, oldest first; of one job, or of all. */
  async history(job?: string): Promise<readonly DeploymentEvent[]> {
    const events: DeploymentEvent[] = []
    for await (const { key, value, timestamp } of readTopic(this.#log, deploymentsTopic, { untilEnd: true })) {
      if (value !== null && (job === undefined || key === job)) events.push({ ...value, job: key, atMs: timestamp })
    }
    return events
  }

  /** The jobs that are deployed. */
  async present(): Promise<readonly Deployment[]> {
    const last = new Map<string, Deployment | null>()
    for (const { job, deployment } of await this.history()) last.set(job, deployment)
    return [...last.values()].filter((deployment) => deployment !== null)
  }
}

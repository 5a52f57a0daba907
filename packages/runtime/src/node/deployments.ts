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

/** The deployments in a log, by job; none if the log never had a node. */
export async function readDeployments(log: Log): Promise<ReadonlyMap<string, Deployment>> {
  const present = new Map<string, Deployment>()
  if ((await log.admin.describeTopic(DEPLOYMENTS_TOPIC)) === undefined) return present
  for (const { job, deployment } of await new Deployments(log).history()) {
    if (deployment === null) present.delete(job)
    else present.set(job, deployment)
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

  /** Everything that was recorded, oldest first; of one job, or of all. */
  async history(job?: string): Promise<readonly DeploymentEvent[]> {
    const events: DeploymentEvent[] = []
    for await (const { key, value, timestamp } of readTopic(this.#log, deploymentsTopic, { untilEnd: true })) {
      if (value !== null && (job === undefined || key === job)) events.push({ ...value, job: key, atMs: timestamp })
    }
    return events
  }
}

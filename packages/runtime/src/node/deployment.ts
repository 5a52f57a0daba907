import { type DeploymentRecord, type JobSettings, json, string, topic } from '@millrace/core'

/** The topic of a node's data directory that records every change of every job. It keeps all records. */
export const DEPLOYMENTS_TOPIC = 'millrace.deployments'

/** The deployments topic: the key is the job's name. The last record of a job states what is to run. */
export const deploymentsTopic = topic(DEPLOYMENTS_TOPIC, { key: string(), value: json<DeploymentRecord>() })

/** The limits of a job's settings. */
export const CONTAINERS_MAX = 64

/** What a job runs with if nothing else is stated. */
export const DEFAULT_SETTINGS: JobSettings = {
  containers: 1,
  auto: null,
  guarantee: 'exactly-once',
  standbys: 0,
  commitIntervalMs: 100,
  heapBytesMax: null,
  diskBytesMax: null,
}

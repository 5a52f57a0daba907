import { openFileLog } from '@millrace/connectors/file'
import type { Job } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type ContainerOptions, startContainer } from '@millrace/runtime'
import { timedLog } from '../guarantee/timed-log.ts'

/** How a job is run here; every other setting has its default. */
export interface RunOptions extends Pick<ContainerOptions, 'guarantee' | 'commitIntervalMs'> {
  /** Gets how many ms each commit took. */
  readonly commitsMs?: number[]
}

/** Runs a job to the end of its input, as `millrace run --until-end` does; returns how many records it processed. */
export async function runJob(data: string, job: Job, output?: string, options: RunOptions = {}): Promise<number> {
  const { commitsMs, ...settings } = options
  const env = nodeEnv()
  const opened = await openFileLog({ directory: data, env })
  const log = commitsMs === undefined ? opened : timedLog(opened, commitsMs)
  const isMissing = output !== undefined && (await log.admin.describeTopic(output)) === undefined
  if (isMissing) await log.admin.createTopic(output)
  const container = await startContainer({
    job,
    log,
    env,
    stateDirectory: `${data}/state`,
    untilEnd: true,
    ...settings,
  })
  let processed = 0
  container.status.subscribe(({ tasks }) => {
    processed = tasks.reduce((sum, { counts }) => sum + counts.processed, 0)
  })
  await container.done
  await log.close()
  return processed
}

import { openFileLog } from '@millrace/connectors'
import type { Job } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer } from '@millrace/runtime'

/** Runs a job to the end of its input, as `millrace run --until-end` does; returns how many records it processed. */
export async function runJob(data: string, job: Job, output: string): Promise<number> {
  const env = nodeEnv()
  const log = await openFileLog({ directory: data, env })
  await log.admin.createTopic(output)
  const container = await startContainer({ job, log, env, stateDirectory: `${data}/state`, untilEnd: true })
  let processed = 0
  container.status.subscribe(({ tasks }) => {
    processed = tasks.reduce((sum, { counts }) => sum + counts.processed, 0)
  })
  await container.done
  await log.close()
  return processed
}

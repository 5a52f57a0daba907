import { openFileLog } from '@millrace/connectors/file'
import { int64, job, stream, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer } from '@millrace/runtime'
import { count, text, type Work } from '../child/work.ts'
import { asGuarantee } from '../guarantee/guarantees.ts'
import { timedLog } from '../guarantee/timed-log.ts'

const ticks = topic('ticks', { value: int64() })

/** A stateless job that leaves every record as it is. */
const passOn = job('pass-on', stream(ticks).to(topic('passed-on', { value: int64() })))

/** Runs a job until it has processed so many records. */
const work: Work = {
  async prepare(options) {
    const records = count(options, 'records')
    const env = nodeEnv()
    const data = text(options, 'data')
    const commitsMs: number[] = []
    const log = timedLog(await openFileLog({ directory: data, env }), commitsMs)
    const container = await startContainer({
      job: passOn,
      log,
      env,
      stateDirectory: `${data}/state`,
      guarantee: asGuarantee(text(options, 'guarantee')),
      commitIntervalMs: count(options, 'commitIntervalMs'),
    })
    const finished = Promise.withResolvers<void>()
    container.status.subscribe(({ tasks }) => {
      if (tasks.some(({ counts }) => counts.processed === records)) finished.resolve()
    })
    return {
      async run() {
        await Promise.race([finished.promise, container.done])
        await container.stop()
        await container.done
        return records
      },
      found: () => commitsMs,
      close: () => log.close(),
    }
  },
}

export default work

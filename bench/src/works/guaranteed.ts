import { count, text, type Work } from '../child/work.ts'
import { asGuarantee } from '../guarantee/guarantees.ts'
import { delayedFlights, hourlyDelays } from '../jobs/millrace-jobs.ts'
import { runJob } from '../jobs/run-job.ts'

/** Runs a job with a guarantee and a commit interval; measures how many ms each commit took. */
const work: Work = {
  async prepare(options) {
    const output = text(options, 'output')
    const job = [delayedFlights, hourlyDelays].find(({ name }) => name === text(options, 'job'))
    if (job === undefined) throw new Error(`There is no job ${text(options, 'job')}`)
    const guarantee = asGuarantee(text(options, 'guarantee'))
    const commitIntervalMs = count(options, 'commitIntervalMs')
    const commitsMs: number[] = []
    return {
      run: () => runJob(text(options, 'data'), job, output, { guarantee, commitIntervalMs, commitsMs }),
      found: () => commitsMs,
    }
  },
}

export default work

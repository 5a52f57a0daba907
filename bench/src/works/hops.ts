import { count, immediate, text } from '../child/work.ts'
import { runJob } from '../jobs/run-job.ts'
import { hopsJob, hopsOutput } from '../panes/hops-job.ts'

export default immediate((options) => {
  const job = hopsJob(count(options, 'size'), count(options, 'advance'), options['panes'] === true)
  return runJob(text(options, 'data'), job, hopsOutput.name)
})

import { immediate, text } from '../child/work.ts'
import { runJob } from '../jobs/run-job.ts'
import { hopsJob, hopsOutput } from '../panes/hops-job.ts'

export default immediate((options) =>
  runJob(text(options, 'data'), hopsJob(options['panes'] === true), hopsOutput.name),
)

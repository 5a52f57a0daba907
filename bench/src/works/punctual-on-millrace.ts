import { immediate, text } from '../child/work.ts'
import { punctualDepartures } from '../jobs/millrace-jobs.ts'
import { runJob } from '../jobs/run-job.ts'

export default immediate((options) => runJob(text(options, 'data'), punctualDepartures, 'punctual'))

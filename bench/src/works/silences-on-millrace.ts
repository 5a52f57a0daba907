import { immediate, text } from '../child/work.ts'
import { silencesJob } from '../jobs/millrace-jobs.ts'
import { runJob } from '../jobs/run-job.ts'

export default immediate((options) => runJob(text(options, 'data'), silencesJob, 'silences'))

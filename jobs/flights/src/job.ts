import { flightsJob } from './plan.ts'

/** `millrace run jobs/flights/src/job.ts`. The flights are in order, so that a short grace does. */
export default flightsJob({ grace: '10m' })

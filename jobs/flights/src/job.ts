import { flightsJob } from './plan.ts'

/** `millrace run jobs/flights/src/job.ts`. The flights are in order, so a short grace is enough. */
export default flightsJob({ grace: '10m' })

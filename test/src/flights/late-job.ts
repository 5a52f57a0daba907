import { flightsJob } from '@millrace/job-flights'

/** The flights job for producers that are half a year apart: no record is ever late, and no hour ever closes. */
export default flightsJob({ grace: '400d' })

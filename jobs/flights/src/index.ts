export type { Flight } from './flight.ts'
export { type FlightsOracle, foldFlights, type OracleOptions } from './oracle.ts'
export { FLIGHTS_FILE, FLIGHTS_IN_FILE } from './parquet-file.ts'
export { type Delay, flightsJob, type PlanOptions } from './plan.ts'

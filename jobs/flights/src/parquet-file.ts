import { fileURLToPath } from 'node:url'

/** The three million flights in the npm package `vega-datasets`. */
export const FLIGHTS_FILE = fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')))

export const FLIGHTS_IN_FILE = 3_000_000

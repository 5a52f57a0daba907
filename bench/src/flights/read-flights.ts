import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { datasetFile } from './dataset.ts'
import type { Flight } from './flight.ts'

/** Rows held at a time: some 20 MB. */
const CHUNK_ROWS = 100_000

/** The first `limit` of the three million flights in `vega-datasets`, ordered by departure. */
export async function* readFlights(limit: number): AsyncGenerator<Flight> {
  const file = await asyncBufferFromFile(datasetFile('flights-3m.parquet'))
  const metadata = await parquetMetadataAsync(file)
  const end = Math.min(limit, Number(metadata.num_rows))
  for (let rowStart = 0; rowStart < end; rowStart += CHUNK_ROWS) {
    const rowEnd = Math.min(end, rowStart + CHUNK_ROWS)
    for (const row of await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd })) {
      const { date, delay, distance, origin, destination } = row
      yield {
        date: Number(date),
        delay: Number(delay),
        distance: Number(distance),
        origin: String(origin),
        destination: String(destination),
      }
    }
  }
}

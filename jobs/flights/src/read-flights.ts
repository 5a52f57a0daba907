import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { Flight } from './flight.ts'

/** Reads the first `limit` flights of a parquet file, a row group at a time. */
export async function* readFlights(path: string, limit: number): AsyncGenerator<Flight, void> {
  const file = await asyncBufferFromFile(path)
  const metadata = await parquetMetadataAsync(file)
  let rowStart = 0
  for (const group of metadata.row_groups) {
    const rowEnd = Math.min(limit, rowStart + Number(group.num_rows))
    if (rowEnd <= rowStart) return
    for (const row of await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd })) yield flightOf(row)
    rowStart = rowEnd
  }
}

function flightOf(row: Record<string, unknown>): Flight {
  const { date, delay, distance, origin, destination } = row
  if (!(date instanceof Date)) throw new Error('a flight has no date')
  return {
    date: date.getTime(),
    delay: Number(delay),
    distance: Number(distance),
    origin: String(origin),
    destination: String(destination),
  }
}

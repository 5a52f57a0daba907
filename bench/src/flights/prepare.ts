import { existsSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openFileLog } from '@millrace/connectors/file'
import { json, openTopicWriter, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import type { Flight } from './flight.ts'
import { readFlights } from './read-flights.ts'

const CACHE = fileURLToPath(new URL('../../.cache', import.meta.url))
const flights = topic('flights', { key: string(), value: json<Flight>(), timestamp: ({ date }) => date })

/** A data directory whose topic `flights` holds the first so many flights. It is made once and kept beside the benchmarks. */
export async function prepareFlights(records: number): Promise<string> {
  const directory = `${CACHE}/flights-${records}`
  if (existsSync(directory)) return directory
  const making = `${directory}.${process.pid}`
  rmSync(making, { recursive: true, force: true })
  const log = await openFileLog({ directory: making, env: nodeEnv(), durability: 'os' })
  await log.admin.createTopic('flights')
  const writer = await openTopicWriter(log, flights)
  for await (const flight of readFlights(records)) {
    if (!writer.send({ key: flight.origin, value: flight })) await writer.flush()
  }
  await writer.close()
  await log.close()
  try {
    renameSync(making, directory)
  } catch (error) {
    // Another process may have made it first.
    if (!existsSync(directory)) throw error
    rmSync(making, { recursive: true })
  }
  return directory
}

import { openFileLog } from '@millrace/connectors/file'
import type { Job, Log } from '@millrace/core'
import { toTopology } from '@millrace/core/internal'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { DATA } from './audit.ts'
import { CHECKSUM_BYTES, COPIES, type ContentOf, positionIn } from './audit-stores.ts'
import { hold } from './invariants.ts'
import { STATE } from './world-containers.ts'

/** No world has more partitions. */
const PARTITIONS_MAX = 3
/** How many differences a violation lists. */
const LISTED_MAX = 3

/** The state of a task, or a copy of it, as it is at the moment. */
interface FoundState {
  readonly task: string
  readonly partition: number
  readonly stores: readonly string[]
  readonly content: ReadonlyMap<string, Buffer>
}

/**
 * Compares all stores of all tasks, as they are, with the changelog up to the position of each: byte by byte, so that it holds for every
 * operator. The stores of the job must be in their first incarnation. A state is left out if compaction has passed its position: what it should
 * hold is not known any more.
 */
export async function auditAllStores(
  process: SimulatedProcess,
  jobs: readonly Job[],
  contentOf: ContentOf,
): Promise<void> {
  // Before the next `await`: then the log has what a store has.
  const states = jobs.flatMap((job) => statesOf(job, contentOf))
  const [changelog] = jobs.map((job) => toTopology(job).changelog)
  if (changelog === undefined) return
  const log = await openFileLog({ directory: DATA, env: process.env })
  if ((await log.admin.describeTopic(changelog)) !== undefined) {
    for (const state of states) await auditState(log, changelog, state)
  }
  await log.close()
}

function statesOf(job: Job, contentOf: ContentOf): FoundState[] {
  return toTopology(job).subtopologies.flatMap(({ id, stores }) =>
    [...Array(PARTITIONS_MAX).keys()].flatMap((partition) =>
      COPIES.flatMap((copy) => {
        const task = `${id}-${partition}${copy}`
        const content = contentOf(`${STATE}/${job.name}/${task}`)
        return content === undefined ? [] : [{ task, partition, stores: stores.map(({ name }) => name), content }]
      }),
    ),
  )
}

async function auditState(
  log: Log,
  changelog: string,
  { task, partition, stores, content }: FoundState,
): Promise<void> {
  const position = positionIn(content)
  // What comes after another container's open transaction cannot be read yet.
  if ((await log.admin.offsets(changelog, partition)).end < position) return
  const latest = await latestBefore(log, changelog, partition, position)
  if (latest === undefined) return
  for (const store of stores) {
    const prefix = `${store}\0`
    const wanted = new Map([...latest].filter(([key]) => key.startsWith(prefix)))
    const found = new Map(
      [...content]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, value]) => [key, value.latin1Slice(CHECKSUM_BYTES, value.length)]),
    )
    const keys = [...new Set([...wanted.keys(), ...found.keys()])].filter((key) => wanted.get(key) !== found.get(key))
    hold('state is the fold of the changelog', keys.length === 0, () => {
      const problems = keys.map((key) => `${key}: ${JSON.stringify([found.get(key), wanted.get(key)])}`)
      return `task ${task} at offset ${position} differs in ${keys.length} entries, [found, in its changelog]: ${problems.slice(0, LISTED_MAX)}`
    })
  }
}

/** The latest value of each key before an offset of the changelog, as Latin-1; undefined if it is compacted beyond that. */
async function latestBefore(
  log: Log,
  changelog: string,
  partition: number,
  before: number,
): Promise<ReadonlyMap<string, string> | undefined> {
  const latest = new Map<string, string>()
  const reader = log.openReader()
  const batches = await reader.assign(changelog, partition, 0)
  for (let batch = batches.poll(); batch !== undefined; batch = batches.poll()) {
    while (batch.next()) {
      if (batch.offset >= before) continue
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
      const key = bytes.latin1Slice(keyStart, keyEnd)
      if (valueStart < 0) latest.delete(key)
      else latest.set(key, bytes.latin1Slice(valueStart, valueEnd))
    }
  }
  const isKnown = batches.compactedBefore <= before
  await reader.close()
  return isKnown ? latest : undefined
}

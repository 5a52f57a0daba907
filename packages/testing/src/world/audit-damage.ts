import { openFileLog } from '@millrace/connectors/file'
import { MillraceError, type TopicDescription } from '@millrace/core'
import type { SeededRandom } from '../machine/seeded-random.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { DATA } from './audit.ts'
import { hold } from './invariants.ts'

/**
 * Flips a bit of a segment. A process that reads the partition must then get what was there before, at most up to the damage,
 * and no more; and `work`, which may need the damaged bytes, must succeed or be refused. Returns whether it succeeded.
 */
export async function auditDamage(
  process: SimulatedProcess,
  random: SeededRandom,
  work: () => Promise<void>,
): Promise<boolean> {
  const { files } = process.env
  const log = await openFileLog({ directory: DATA, env: process.env })
  const written = (await log.admin.listTopics()).flatMap((topic) => segmentsOf(process, topic))
  await log.close()
  const segment = written[random.below(written.length)]
  if (segment === undefined) return true
  const { topic, partition, path } = segment
  const before = await readPartition(process, topic, partition)
  const bit = random.below(8 * (files.stat(path)?.bytes ?? 0))
  flip(process, path, bit)
  const after = await readPartition(process, topic, partition)
  const where = `bit ${bit} of ${path}`
  const wrong = after.records.findIndex((record, index) => record !== before.records[index])
  hold('damage is refused', wrong === -1, () => `${where}: ${after.records[wrong]} was ${before.records[wrong]}`)
  hold('damage is refused', after.refused || after.records.length === before.records.length, () => {
    return `${where}: ${after.records.length} of ${before.records.length} records are read without an error`
  })
  return !(await isRefused(work))
}

interface Segment {
  readonly topic: string
  readonly partition: number
  readonly path: string
}

/** The segments of a topic that are not empty. */
function segmentsOf(process: SimulatedProcess, { name, partitions }: TopicDescription): Segment[] {
  const { files } = process.env
  return Array.from({ length: partitions }, (_, partition) => partition).flatMap((partition) => {
    const directory = `${DATA}/topics/${name}/${partition}`
    const paths = files.list(directory).flatMap((file) => (file.endsWith('.log') ? [`${directory}/${file}`] : []))
    return paths.filter((path) => files.stat(path)?.bytes !== 0).map((path) => ({ topic: name, partition, path }))
  })
}

function flip(process: SimulatedProcess, path: string, bit: number): void {
  const file = process.env.files.open(path, 'write')
  const byte = Buffer.alloc(1)
  file.read(byte, 0, 1, bit >> 3)
  byte[0] = (byte[0] ?? 0) ^ (1 << (bit & 7))
  file.write(byte, 0, 1, bit >> 3)
  file.close()
}

/** The committed records of a partition, as texts, up to where a read is refused. */
async function readPartition(process: SimulatedProcess, topic: string, partition: number) {
  const records: string[] = []
  const refused = await isRefused(async () => {
    const log = await openFileLog({ directory: DATA, env: process.env })
    try {
      const reader = await log.openReader().assign(topic, partition, (await log.admin.offsets(topic, partition)).start)
      for (let batch = reader.poll(); batch !== undefined; batch = reader.poll()) {
        while (batch.next()) {
          const { offset, bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
          records.push(`${offset} ${textOf(bytes, keyStart, keyEnd)} ${textOf(bytes, valueStart, valueEnd)}`)
        }
      }
    } finally {
      await log.close()
    }
  })
  return { records, refused }
}

function textOf(bytes: Buffer, start: number, end: number): string {
  return start < 0 ? '-' : bytes.latin1Slice(start, end)
}

async function isRefused(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return false
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'LOG_DAMAGED') return true
    throw error
  }
}

import { deepStrictEqual } from 'node:assert'
import { createHash } from 'node:crypto'
import { openFileLog } from '@millrace/connectors/file'
import { nodeEnv } from '@millrace/core/node'
import { type Measured, measure, recordsPerSecond } from '../child/measure.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'
import { withRunDirectory } from '../run-directory.ts'
import { spread } from '../statistics.ts'
import { table } from '../table.ts'
import { PRODUCED, type Produced } from './records.ts'

const TITLES: Readonly<Record<Produced, string>> = { flights: 'flights as JSON', plain: 'values of 100 B' }

const SIDES = ['by-hand', 'on-millrace'] as const

type Side = (typeof SIDES)[number]

/**
 * A program that sends records with a typed writer, beside a loop over the log's own writer: one after the other, pair by
 * pair, in changing order. Throws if the two leave different records.
 */
export async function runProducer(records: number, pairs: number): Promise<string> {
  const rows: string[][] = []
  for (const produced of PRODUCED) {
    const runs: Record<Side, Measured[]> = { 'by-hand': [], 'on-millrace': [] }
    for (let pair = 0; pair < pairs; pair++) {
      const digests: string[] = []
      for (const side of pair % 2 === 0 ? SIDES : SIDES.toReversed()) {
        const { measured, digest } = await runSide(side, produced, records)
        runs[side].push(measured)
        digests.push(digest)
      }
      deepStrictEqual(digests[0], digests[1], `${TITLES[produced]}: the loop and the writer differ`)
    }
    rows.push(...SIDES.map((side) => rowOf(side, produced, runs)))
  }
  return table(['producer', 'thousand records/s', 'ratio', 'CPU s per million', 'ratio'], rows)
}

async function runSide(side: Side, produced: Produced, records: number) {
  return withRunDirectory(undefined, async (data) => {
    const log = await openFileLog({ directory: data, env: nodeEnv() })
    await log.admin.createTopic(produced)
    await log.close()
    const measured = await measure(`works/produce-${side}.ts`, { data, produced, records })
    deepStrictEqual(measured.records, records)
    return { measured, digest: digestOf(`${data}/topics/${produced}/0`) }
  })
}

/** A digest of every record's time, key and value, in order, and how many there are. */
function digestOf(directory: string): string {
  const reader = new TopicReader(directory)
  const hash = createHash('sha256')
  while (reader.nextBatch()) {
    while (reader.next()) {
      hash.update(`${reader.timestamp} ${reader.keyEnd - reader.keyStart} `)
      hash.update(reader.bytes.subarray(reader.keyStart, reader.keyEnd))
      hash.update(reader.bytes.subarray(reader.valueStart, reader.valueEnd))
    }
  }
  return `${reader.records} ${hash.digest('hex')}`
}

function rowOf(side: Side, produced: Produced, runs: Readonly<Record<Side, readonly Measured[]>>): string[] {
  // The ratio is that of each pair: what disturbs the machine for longer disturbs both runs.
  const ratio = (of: (measured: Measured | undefined) => number, inverse: boolean) =>
    side === 'by-hand'
      ? '1'
      : spread(
          runs[side].map((measured, pair) => {
            const [mine, theirs] = [of(measured), of(runs['by-hand'][pair])]
            return inverse ? theirs / mine : mine / theirs
          }),
          2,
        )
  const rates = runs[side].map((measured) => rate(measured) / 1000)
  return [
    `${TITLES[produced]}: ${side === 'by-hand' ? 'loop by hand' : 'TopicWriter'}`,
    spread(rates, 0),
    ratio(rate, false),
    spread(runs[side].map(cpu), 2),
    ratio(cpu, true),
  ]
}

function rate(measured: Measured | undefined): number {
  return measured === undefined ? Number.NaN : recordsPerSecond([measured])
}

function cpu(measured: Measured | undefined): number {
  return measured === undefined ? Number.NaN : (measured.cpuSeconds / measured.records) * 1e6
}

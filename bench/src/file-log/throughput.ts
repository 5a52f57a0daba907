import { strictEqual } from 'node:assert'
import { openFileLog } from '@millrace/connectors/file'
import { nodeEnv } from '@millrace/core/node'
import { type Measured, measureTogether, recordsPerSecond } from '../child/measure.ts'
import type { Options } from '../child/work.ts'
import { withRunDirectory } from '../run-directory.ts'
import { median, spread } from '../statistics.ts'
import { table } from '../table.ts'

/** The work of one line of the table. */
interface Line {
  readonly name: string
  readonly work: string
  readonly options?: Options
  readonly kind: 'append' | 'read'
  readonly bare: boolean
  readonly processes: number
}

const LINES: readonly Line[] = (['append', 'read'] as const).flatMap((kind) =>
  [1, 2].flatMap((processes): Line[] => [
    line(kind, processes, 'file log', `works/${kind}.ts`, false),
    line(kind, processes, 'bare loop, checksums', `works/${kind}-bare.ts`, true, { checksums: true }),
    line(kind, processes, 'bare loop, no checksums', `works/${kind}-bare.ts`, true, { checksums: false }),
  ]),
)

/**
 * Compares the file log alone with a loop that only writes, or only reads, the same bytes in the same batches. Two processes
 * append to one partition of the file log. Those of the bare loop write one file each, because nothing keeps them apart.
 */
export async function runThroughput(valueBytes: number, records: number, repeats: number): Promise<string> {
  return withRunDirectory(undefined, async (home) => {
    const source = `${home}/source`
    await createTopic(source)
    await measureTogether([['works/append.ts', { data: source, valueBytes, records }]])
    const bytesPerRecord = (await topicBytes(source)) / records
    const rates = new Map<Line, number[]>(LINES.map((each) => [each, []]))
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const [each, known] of rates) known.push(await runLine(each, source, valueBytes, records))
    }
    const rows = [...rates].map(([{ name, kind, processes }, values]) => {
      const bare = [...rates].find(([other]) => isBaseline(other, kind, processes))?.[1] ?? []
      return [
        name,
        spread(
          values.map((rate) => (rate * bytesPerRecord) / 1e6),
          0,
        ),
        spread(
          values.map((rate) => rate / 1000),
          0,
        ),
        (median(values) / median(bare)).toFixed(2),
      ]
    })
    return table([`values of ${valueBytes} B`, 'MB/s', 'thousand records/s', 'of the bare loop with checksums'], rows)
  })
}

function line(
  kind: Line['kind'],
  processes: number,
  label: string,
  work: string,
  bare: boolean,
  options: Options = {},
): Line {
  return {
    name: `${kind}, ${processes === 1 ? 'one process' : 'two processes'}: ${label}`,
    work,
    options,
    kind,
    bare,
    processes,
  }
}

function isBaseline({ kind, processes, bare, options }: Line, wantedKind: string, wantedProcesses: number): boolean {
  return bare && options?.['checksums'] === true && kind === wantedKind && processes === wantedProcesses
}

async function runLine(each: Line, source: string, valueBytes: number, records: number): Promise<number> {
  return withRunDirectory(undefined, async (data) => {
    if (each.kind === 'append' && !each.bare) await createTopic(data)
    const options = {
      ...each.options,
      data: each.kind === 'read' ? source : data,
      source: `${source}/topics/records/0`,
      valueBytes,
      records,
    }
    const measured = await measureTogether(Array.from({ length: each.processes }, () => [each.work, options] as const))
    for (const one of measured) strictEqual(one.records, records, `${each.name}: not all records`)
    if (each.kind === 'append' && !each.bare) await checkTopic(data, records * each.processes)
    return recordsPerSecond(measured)
  })
}

async function createTopic(data: string): Promise<void> {
  const log = await openFileLog({ directory: data, env: nodeEnv() })
  await log.admin.createTopic('records')
  await log.close()
}

async function topicBytes(data: string): Promise<number> {
  const log = await openFileLog({ directory: data, env: nodeEnv() })
  const bytes = await log.admin.sizeBytes('records')
  await log.close()
  return bytes
}

/** Reads what was appended, and checks that every record is there exactly once. */
async function checkTopic(data: string, records: number): Promise<void> {
  const [read]: Measured[] = await measureTogether([['works/read.ts', { data }]])
  strictEqual(read?.records, records, 'the log does not hold what was appended')
}

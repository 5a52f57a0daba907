import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const jars = fileURLToPath(new URL('../../kafka/lib', import.meta.url))

/** The tool does not read into a batch larger than this; a group may have any size. */
const MESSAGE_BYTES_MAX = 2 ** 30

/** A batch as Kafka's own tool sees it. */
export interface DumpedBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly count: number
  /** Whether the checksum is right. */
  readonly valid: boolean
  readonly deleteHorizonMs: number | null
}

/** A record as Kafka's own tool prints it; key and value as text, null if there is none. */
export interface DumpedRecord {
  readonly offset: number
  readonly timestamp: number
  readonly headers: readonly string[]
  readonly key: string | null
  readonly value: string | null
}

export interface Dump {
  readonly batches: readonly DumpedBatch[]
  readonly records: readonly DumpedRecord[]
  /** How transactions ended, in the order of their markers: `COMMIT` or `ABORT`. */
  readonly markers: readonly string[]
  /** Other messages of the tool: bytes that are not a batch. */
  readonly complaints: readonly string[]
}

/** Why Kafka's tool cannot run on this machine; undefined if it can. */
export function whyNoKafka(): string | undefined {
  if (!existsSync(`${jars}/.complete`)) return "Kafka's jars are not here: bash test/kafka/fetch.sh"
  if (spawnSync('java', ['-version']).status !== 0) return 'there is no java on this machine'
  return undefined
}

const MARKER = /^\| offset: \d+ .* endTxnMarker: (\w+) /

/** Runs `kafka.tools.DumpLogSegments` over segments. Texts must not contain line breaks, or what the tool prints around them. */
export function dumpLogSegments(files: readonly string[]): Dump {
  const options = ['--print-data-log', '--max-message-size', `${MESSAGE_BYTES_MAX}`, '--files', files.join(',')]
  const run = spawnSync('java', ['-cp', `${jars}/*`, 'kafka.tools.DumpLogSegments', ...options], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, JAVA_TOOL_OPTIONS: '-Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8 -Xmx512m' },
  })
  if (run.status !== 0) throw new Error(`DumpLogSegments failed: ${run.stderr}${run.stdout.slice(-2000)}`)
  const batches: DumpedBatch[] = []
  const records: DumpedRecord[] = []
  const markers: string[] = []
  const complaints: string[] = []
  for (const line of run.stdout.split('\n')) {
    if (MARKER.test(line)) markers.push(MARKER.exec(line)?.[1] ?? '')
    else if (line.startsWith('| ')) records.push(parseRecord(line))
    else if (line.startsWith('baseOffset: ')) batches.push(parseBatch(line))
    else if (line !== '' && !/^(Dumping|Log starting offset)/.test(line)) complaints.push(line)
  }
  return { batches, records, markers, complaints }
}

function parseBatch(line: string): DumpedBatch {
  const found = /^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .* isvalid: (true|false)/.exec(line)
  if (found === null) throw new Error(`DumpLogSegments printed a batch in another form: ${line}`)
  const [, baseOffset, lastOffset, count, valid] = found
  const horizon = /deleteHorizonMs: OptionalLong\[(\d+)\]/.exec(line)?.[1]
  return {
    baseOffset: Number(baseOffset),
    lastOffset: Number(lastOffset),
    count: Number(count),
    valid: valid === 'true',
    deleteHorizonMs: horizon === undefined ? null : Number(horizon),
  }
}

function parseRecord(line: string): DumpedRecord {
  const found =
    /^\| offset: (\d+) CreateTime: (-?\d+) .* headerKeys: \[(.*?)\](?: key: (.*?))?(?: payload: (.*))?$/.exec(line)
  if (found === null) throw new Error(`DumpLogSegments printed a record in another form: ${line}`)
  const [, offset, timestamp, headers = '', key, value] = found
  return {
    offset: Number(offset),
    timestamp: Number(timestamp),
    headers: headers === '' ? [] : headers.split(','),
    key: key ?? null,
    value: value ?? null,
  }
}

import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { runThroughput } from './file-log/throughput.ts'
import { runPairs, STATEFUL, STATELESS } from './jobs/pairs.ts'
import { runWakeUp } from './latency/wake-up.ts'
import { runQueries } from './views/queries.ts'

/** How much each benchmark does. */
interface Sizes {
  readonly flights: number
  /** How often each measurement is repeated. */
  readonly pairs: number
  /** Bytes of values that the file log's benchmarks append in a run. */
  readonly logBytes: number
  readonly wakeUps: number
  readonly requests: number
}

const FULL: Sizes = { flights: 3_000_000, pairs: 5, logBytes: 256_000_000, wakeUps: 1000, requests: 100_000 }
/** Shows that everything runs; its figures mean nothing. */
const QUICK: Sizes = { flights: 20_000, pairs: 1, logBytes: 4_000_000, wakeUps: 50, requests: 1000 }

const BENCHMARKS: Readonly<Record<string, (sizes: Sizes) => Promise<string>>> = {
  stateless: ({ flights, pairs }) => runPairs(STATELESS, flights, pairs),
  stateful: ({ flights, pairs }) => runPairs(STATEFUL, flights, pairs),
  'log-100': ({ logBytes, pairs }) => runThroughput(100, logBytes / 100, pairs),
  'log-1000': ({ logBytes, pairs }) => runThroughput(1000, logBytes / 1000, pairs),
  'wake-up': ({ wakeUps, pairs }) => runWakeUp(wakeUps, pairs),
  views: ({ flights, requests, pairs }) => runQueries(flights, requests, pairs),
}

const HELP = `Usage: npm run bench -- [options] [benchmark...]

Benchmarks (all, where none is named): ${Object.keys(BENCHMARKS).join(', ')}

  --quick      little data, one run: shows that everything works, measures nothing
  --pairs <n>  how often each is repeated (default ${FULL.pairs})
  --help       this text

Prints Markdown tables: the median, and the least and greatest in brackets.
`

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean' }, pairs: { type: 'string' }, help: { type: 'boolean' } },
  allowPositionals: true,
})
const unknown = positionals.find((name) => BENCHMARKS[name] === undefined)
const pairs = Number(values.pairs ?? (values.quick ? QUICK : FULL).pairs)
if (values.help) {
  process.stdout.write(HELP)
} else if (unknown !== undefined || !Number.isSafeInteger(pairs) || pairs < 1) {
  process.stderr.write(unknown === undefined ? '--pairs needs a number from 1 up\n\n' : `No benchmark ${unknown}\n\n`)
  process.stderr.write(HELP)
  process.exitCode = 2
} else {
  await runBenchmarks(positionals.length > 0 ? positionals : Object.keys(BENCHMARKS))
}

async function runBenchmarks(names: readonly string[]): Promise<void> {
  const sizes = { ...(values.quick ? QUICK : FULL), pairs }
  const processors = cpus()
  process.stdout.write(`Node ${process.version}, ${processors.length} × ${processors[0]?.model ?? 'unknown'}\n`)
  for (const name of names) {
    const report = await BENCHMARKS[name]?.(sizes)
    process.stdout.write(`\n${report}`)
  }
}

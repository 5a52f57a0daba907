import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { runCompaction } from './file-log/compaction.ts'
import { runThroughput } from './file-log/throughput.ts'
import { runCost } from './guarantee/cost.ts'
import { NEW_KEYS, SESSIONS, STATEFUL, STATELESS, STREAM_JOIN, TABLE_JOIN, TIMERS } from './jobs/contests.ts'
import { runPairs } from './jobs/pairs.ts'
import { runVisible } from './latency/visible.ts'
import { runWakeUp } from './latency/wake-up.ts'
import { runDeploys } from './node/deploys.ts'
import { runPanes } from './panes/panes.ts'
import { runProducer } from './producer/producer.ts'
import { runRestore } from './state/restore.ts'
import { runUpdates } from './state/updates.ts'
import { runTakeOver } from './take-over/take-over.ts'
import { runBusyQueries } from './views/busy-queries.ts'
import { runQueries } from './views/queries.ts'
import { runSubscribers } from './views/subscribers.ts'

/** How much each benchmark does. */
interface Sizes {
  readonly flights: number
  /** Flights that are in many windows each. */
  readonly hopping: number
  /** Flights whose keys are mostly new. */
  readonly routes: number
  /** Keys of the stores whose keys are updated in random order, and how many updates there are. */
  readonly fewAccounts: number
  readonly accounts: number
  readonly updates: number
  /** How often each measurement is repeated. */
  readonly pairs: number
  /** The commit intervals at which guarantees are compared. */
  readonly intervalsMs: readonly number[]
  /** How many records a program sends. */
  readonly produced: number
  /** Bytes of values that the file log's benchmarks append in a run. */
  readonly logBytes: number
  /** Keys of the partition that is compacted. */
  readonly keys: number
  readonly wakeUps: number
  /** Records whose way through a job is timed: in a stream, and alone. */
  readonly passedOn: number
  readonly passedOnAlone: number
  readonly requests: number
  /** As many as are answered while a job still has records to process. */
  readonly busyRequests: number
  /** Clients that follow the changes of a view. */
  readonly subscribers: number
  /** How long a stream of records is watched after each change of its job. */
  readonly watchMs: number
  /** Bytes of the state of a task whose process is killed. */
  readonly stateBytes: number
}

const FULL: Sizes = {
  flights: 3_000_000,
  hopping: 60_000,
  routes: 2_000_000,
  fewAccounts: 100_000,
  accounts: 10_000_000,
  updates: 1_000_000,
  pairs: 5,
  intervalsMs: [10, 100, 1000],
  produced: 3_000_000,
  logBytes: 256_000_000,
  keys: 20_000_000,
  wakeUps: 1000,
  passedOn: 300,
  passedOnAlone: 30,
  requests: 100_000,
  busyRequests: 2000,
  subscribers: 10_000,
  watchMs: 3000,
  stateBytes: 1_000_000_000,
}
/** Only shows that everything runs; its figures mean nothing. */
const QUICK: Sizes = {
  flights: 20_000,
  hopping: 2000,
  routes: 20_000,
  fewAccounts: 1000,
  accounts: 20_000,
  updates: 5000,
  pairs: 1,
  intervalsMs: [100],
  produced: 20_000,
  logBytes: 4_000_000,
  keys: 20_000,
  wakeUps: 50,
  passedOn: 20,
  passedOnAlone: 5,
  requests: 1000,
  busyRequests: 20,
  subscribers: 100,
  watchMs: 300,
  stateBytes: 2_000_000,
}

/** No commit interval is a multiple of it, so that records come at any moment between two commits. */
const STREAM_PAUSE_MS = 7
/** Longer than the usual commit interval: the job sleeps, and commits the next record at once. */
const ALONE_PAUSE_MS = 130

/** With fewer, a job is done before it is queried. */
const BUSY_FLIGHTS_MIN = 300_000

const BENCHMARKS: Readonly<Record<string, (sizes: Sizes) => Promise<string>>> = {
  stateless: ({ flights, pairs }) => runPairs(STATELESS, flights, pairs),
  stateful: ({ flights, pairs }) => runPairs(STATEFUL, flights, pairs),
  'new-keys': ({ routes, pairs }) => runPairs(NEW_KEYS, routes, pairs),
  'table-join': ({ flights, pairs }) => runPairs(TABLE_JOIN, flights, pairs),
  sessions: ({ flights, pairs }) => runPairs(SESSIONS, flights, pairs),
  timers: ({ flights, pairs }) => runPairs(TIMERS, flights, pairs),
  'stream-join': ({ flights, pairs }) => runPairs(STREAM_JOIN, flights, pairs),
  panes: ({ hopping, pairs }) => runPanes(hopping, pairs),
  'exactly-once-stateless': ({ flights, pairs, intervalsMs }) => runCost(STATELESS, flights, pairs, intervalsMs),
  'exactly-once-stateful': ({ flights, pairs, intervalsMs }) => runCost(STATEFUL, flights, pairs, intervalsMs),
  producer: ({ produced, pairs }) => runProducer(produced, pairs),
  'log-100': ({ logBytes, pairs }) => runThroughput(100, logBytes / 100, pairs),
  'log-1000': ({ logBytes, pairs }) => runThroughput(1000, logBytes / 1000, pairs),
  compaction: ({ keys }) => runCompaction(keys),
  'wake-up': ({ wakeUps, pairs }) => runWakeUp(wakeUps, pairs),
  visible: ({ passedOn, pairs, intervalsMs }) => runVisible(passedOn, STREAM_PAUSE_MS, pairs, intervalsMs),
  'visible-alone': ({ passedOnAlone, pairs, intervalsMs }) =>
    runVisible(passedOnAlone, ALONE_PAUSE_MS, pairs, intervalsMs),
  restore: ({ routes, pairs }) => runRestore(routes, pairs),
  'take-over': ({ stateBytes, pairs }) => runTakeOver(stateBytes, pairs),
  updates: ({ fewAccounts, updates, pairs }) => runUpdates(fewAccounts, updates, pairs),
  'updates-large': ({ accounts, updates, pairs }) => runUpdates(accounts, updates, pairs),
  views: ({ flights, requests, pairs }) => runQueries(flights, requests, pairs),
  'views-busy': ({ flights, busyRequests, pairs }) =>
    runBusyQueries(Math.max(flights, BUSY_FLIGHTS_MIN), busyRequests, pairs),
  subscribers: ({ subscribers, watchMs, pairs }) => runSubscribers(subscribers, 3 * watchMs, pairs),
  deploys: ({ pairs, watchMs }) => runDeploys(pairs, watchMs),
}

/** They take long, so they run only if they are named. */
const ONLY_NAMED = ['updates-large', 'take-over']

const HELP = `Usage: npm run bench -- [options] [benchmark...]

Benchmarks (all except ${ONLY_NAMED.join(', ')}, where none is named): ${Object.keys(BENCHMARKS).join(', ')}

  --quick      little data, one run: shows that everything works, measures nothing
  --pairs <n>  how often each is repeated (default ${FULL.pairs})
  --flights <n>
               how many flights the jobs process (default ${FULL.flights}, which is all)
  --interval <ms>
               compares guarantees at this commit interval only (default ${FULL.intervalsMs.join(', ')}); may be repeated
  --state-bytes <n>
               how large the state is that another process takes over (default ${FULL.stateBytes}); it takes ten times this on
               the disk
  --help       this text

Prints Markdown tables: the median, and the least and greatest in brackets.
`

const { values, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    pairs: { type: 'string' },
    flights: { type: 'string' },
    interval: { type: 'string', multiple: true },
    'state-bytes': { type: 'string' },
    help: { type: 'boolean' },
  },
  allowPositionals: true,
})
const defaults = values.quick ? QUICK : FULL
const pairs = Number(values.pairs ?? defaults.pairs)
const flights = Number(values.flights ?? defaults.flights)
const intervalsMs = values.interval?.map(Number) ?? defaults.intervalsMs
const stateBytes = Number(values['state-bytes'] ?? defaults.stateBytes)
const problem = problemWith()
if (values.help) {
  process.stdout.write(HELP)
} else if (problem !== undefined) {
  process.stderr.write(`${problem}\n\n${HELP}`)
  process.exitCode = 2
} else {
  await runBenchmarks(
    positionals.length > 0 ? positionals : Object.keys(BENCHMARKS).filter((name) => !ONLY_NAMED.includes(name)),
  )
}

function problemWith(): string | undefined {
  const unknown = positionals.find((name) => BENCHMARKS[name] === undefined)
  if (unknown !== undefined) return `No benchmark ${unknown}`
  const isCount = (number: number) => Number.isSafeInteger(number) && number >= 1
  if (!isCount(flights) || flights > FULL.flights) return `--flights needs a number from 1 to ${FULL.flights}`
  if (!isCount(stateBytes)) return '--state-bytes needs a number from 1 up'
  if (!isCount(pairs)) return '--pairs needs a number from 1 up'
  return intervalsMs.every(isCount) ? undefined : '--interval needs a number of ms from 1 up'
}

async function runBenchmarks(names: readonly string[]): Promise<void> {
  const sizes = { ...defaults, flights, pairs, intervalsMs, stateBytes }
  const processors = cpus()
  process.stdout.write(`Node ${process.version}, ${processors.length} × ${processors[0]?.model ?? 'unknown'}\n`)
  for (const name of names) {
    const report = await BENCHMARKS[name]?.(sizes)
    // Other work of the machine affects every figure. The load average also includes the benchmark's own processes.
    process.stdout.write(`\n${report}\nload average: ${loadavg()[0]?.toFixed(1)}\n`)
  }
}

import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { runPairs, STATEFUL, STATELESS } from './jobs/pairs.ts'

/** How much each benchmark does. */
interface Sizes {
  readonly flights: number
  readonly pairs: number
}

const FULL: Sizes = { flights: 3_000_000, pairs: 5 }
/** Shows that everything runs; its figures mean nothing. */
const QUICK: Sizes = { flights: 20_000, pairs: 1 }

const BENCHMARKS: Readonly<Record<string, (sizes: Sizes) => Promise<string>>> = {
  stateless: ({ flights, pairs }) => runPairs(STATELESS, flights, pairs),
  stateful: ({ flights, pairs }) => runPairs(STATEFUL, flights, pairs),
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

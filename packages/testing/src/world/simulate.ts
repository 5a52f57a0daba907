import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/*
 * Runs many simulated worlds in several processes: npm run simulate -- --count 1000000 [--job times]
 * Prints seeds a second as it goes. The first seed that fails is printed with what does not hold and how to replay it, and ends
 * the run with exit code 1. With --minutes it stops after that many minutes, and prints how many seeds were not tried.
 */
const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '1000' },
    workers: { type: 'string', default: String(availableParallelism()) },
    troubles: { type: 'string' },
    job: { type: 'string', default: 'orders' },
    minutes: { type: 'string' },
  },
})

/** Enough seeds that the start of a process costs little beside them. */
const CHUNK_SEEDS_MAX = 1000
/** Worlds make much short-lived garbage, and every core already has a process: this gives about a tenth more seeds a second. */
const NODE_OPTIONS = ['--max-semi-space-size=64', '--single-threaded-gc']
const RUN_SEEDS = fileURLToPath(new URL('run-seeds.ts', import.meta.url))

const from = Number(values.from)
const end = from + Number(values.count)
/** Small enough that every worker gets some seeds even if there are few. */
const chunkSeeds = Math.min(CHUNK_SEEDS_MAX, Math.ceil(Number(values.count) / Number(values.workers)))
const limitMs = Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000
const started = performance.now()
let next = from
let done = 0
let reportedAtMs = started

await Promise.all(Array.from({ length: Number(values.workers) }, () => work()))
report()
if (done < end - from) console.log(`Stopped after ${values.minutes} minutes: ${end - from - done} seeds were not tried`)

async function work(): Promise<void> {
  while (next < end && performance.now() - started < limitMs) {
    const first = next
    const count = Math.min(chunkSeeds, end - first)
    next += count
    const failure = await runChunk(first, count)
    if (failure !== undefined) {
      console.error(failure)
      process.exit(1)
    }
    done += count
    if (performance.now() - reportedAtMs > 10_000) report()
  }
}

/** Runs some seeds; if one fails, returns the output of the run. */
function runChunk(first: number, count: number): Promise<string | undefined> {
  const given = ['--from', String(first), '--count', String(count), '--job', values.job]
  if (values.troubles !== undefined) given.push('--troubles', values.troubles)
  const child = spawn(process.execPath, [...process.execArgv, ...NODE_OPTIONS, RUN_SEEDS, ...given], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let reported = ''
  child.stderr.on('data', (text) => {
    reported += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code === 0 ? undefined : reported || `seeds from ${first}: exit code ${code}`))
  })
}

function report(): void {
  reportedAtMs = performance.now()
  const seconds = (reportedAtMs - started) / 1000
  console.log(
    `${done} seeds from ${from}: no violation; ${(done / seconds).toFixed(1)} seeds/s in ${values.workers} processes`,
  )
}

import { parseArgs } from 'node:util'
import { ProcessCrashed } from '../machine/disk-error.ts'
import { TROUBLES } from './scenario.ts'
import { WORKLOADS, World, type WorldJob } from './world.ts'

/*
 * Runs simulated worlds: node --conditions=millrace-source run-seeds.ts --from 1 --count 1000 [--job times] [--troubles kill,pause]
 * Prints seeds a second; a seed that fails is printed with what does not hold, and ends the run with exit code 1.
 */
const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    troubles: { type: 'string' },
    job: { type: 'string', default: 'orders' },
    verbose: { type: 'boolean', default: false },
  },
})

// Code of a dead process runs on until it next calls the world; nothing waits for its result.
for (const event of ['unhandledRejection', 'uncaughtException']) {
  process.on(event, (error: unknown) => {
    if (error instanceof ProcessCrashed) return
    console.error(error)
    process.exit(1)
  })
}

const given =
  (values.job === 'orders' ? '' : ` --job ${values.job}`) +
  (values.troubles === undefined ? '' : ` --troubles '${values.troubles}'`)
const job = worldJob(values.job)
const from = Number(values.from)
const count = Number(values.count)
const troubles = TROUBLES.filter((kind) => values.troubles?.split(',').includes(kind) ?? true)
const started = performance.now()
let events = 0
for (let seed = from; seed < from + count; seed++) {
  try {
    const report = await new World(seed, troubles, job).run()
    events += report.events
    if (values.verbose) console.log(seed, report.events, report.scenario.troubles.map(({ kind }) => kind).join(', '))
  } catch (error) {
    console.error(`seed ${seed}: ${error instanceof Error ? error.message : error}`)
    console.error(`It replays alone: npm run simulate -- --from ${seed} --count 1${given}`)
    if (values.verbose) console.error(error)
    process.exit(1)
  }
}
const seconds = (performance.now() - started) / 1000
console.log(
  `${count} seeds from ${from}: no violation; ${(count / seconds).toFixed(1)} seeds/s, ${Math.round(events / count)} events a seed`,
)
process.exit(0)

function worldJob(name: string): WorldJob {
  if (Object.hasOwn(WORKLOADS, name)) return name as WorldJob
  throw new Error(`There is no job ${name}: choose one of ${Object.keys(WORKLOADS)}`)
}

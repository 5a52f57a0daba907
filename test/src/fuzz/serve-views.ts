import { job, json, stream, string, topic, tumbling } from '@millrace/core'
import { startViewServer } from '@millrace/runtime'
import { JobWorld, type TestRecord } from '../runtime/job-world.ts'

/*
 * A job whose views a test queries, in a separate process with little memory. Prints its URL. Answers each input from stdin with
 * the longest time that the thread was blocked since the answer before. Ends when stdin ends.
 */
const LARGE_VALUES = 60
const SMALL_KEYS = 30_000
const RECORDS_AT_ONCE = 500

const texts = topic('texts', { key: string(), value: json<string>() })
const counts = topic('counts', { key: string(), value: json<number>() })
const latest = stream(texts)
  .groupByKey()
  .reduce('latest', (_, next) => next)
const sums = stream(counts)
  .groupByKey()
  .window(tumbling(1000, { grace: '365d' }))
  .reduce('sums', (a, b) => a + b)

const [token = ''] = process.argv.slice(2)
const world = await JobWorld.open()
await world.topic('texts')
await world.topic('counts', { partitions: 2 })
for (let key = 0; key < LARGE_VALUES; key += 10) {
  await world.produce(
    'texts',
    texts.value,
    Array.from({ length: 10 }, (_, n) => ({ key: `k${key + n}`, value: 'x'.repeat(1_000_000), timestamp: 0 })),
  )
}
for (let key = 0; key < SMALL_KEYS; key += RECORDS_AT_ONCE) {
  await world.produce(
    'counts',
    counts.value,
    Array.from(
      { length: RECORDS_AT_ONCE },
      (_, n): TestRecord<number> => ({ key: `k${key + n}`, value: 1, timestamp: (key + n) % 3000, partition: n % 2 }),
    ),
  )
}
const container = await world.start(job('fuzzed', latest, sums))
const status = () => ({ job: 'fuzzed', phase: 'running', atMs: 0, tasks: [], problems: [] }) as const
const allowOrigins = ['https://ops.example.com']
const views = container.views
const server = await startViewServer({ job: 'fuzzed', views, status, env: world.env, token, allowOrigins })

let [beforeMs, blockedMs] = [performance.now(), 0]
const watching = setInterval(() => {
  const now = performance.now()
  blockedMs = Math.max(blockedMs, now - beforeMs)
  beforeMs = now
}, 5)
process.stdout.write(`${server.url}\n`)
// The job continues meanwhile.
let produced = 0
for await (const _ of process.stdin) {
  await world.produce('counts', counts.value, [{ key: `n${produced++}`, value: 1, timestamp: 0 }])
  process.stdout.write(`${Math.round(blockedMs)}\n`)
  blockedMs = 0
}
clearInterval(watching)
await server.close()
await container.stop()
await world.close()
process.exit()

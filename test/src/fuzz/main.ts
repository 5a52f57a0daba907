import { parseArgs } from 'node:util'
import { fuzzViews } from './fuzz-views.ts'

/*
 * Sends some thousand malformed and heavy requests to the views of a job: npm run fuzz-views -- --count 10000 [--seed 4711]
 * Ends with 1 and the seed if an answer is wrong, or if the job's process does not survive with little memory.
 */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '5000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
  },
})
const started = performance.now()
let reportedAtMs = started
console.log(`seed ${values.seed}`)
const { requests, blockedMs } = await fuzzViews(Number(values.seed), Number(values.count), (done) => {
  if (performance.now() - reportedAtMs < 10_000) return
  reportedAtMs = performance.now()
  console.log(`${done} requests`)
})
const seconds = Math.round((performance.now() - started) / 1000)
console.log(`${requests} requests in ${seconds} s; the thread of the job was held for ${blockedMs} ms at most`)

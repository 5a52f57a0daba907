import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { openState } from '../hand-written/state.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'

/** In Millrace's state, a checksum precedes each value. */
export const PREFIX_BYTES = 4
/** … and a time, if the value is computed from several records. */
export const TIMED_PREFIX_BYTES = 12

/** What is compared of a run. */
export interface Compared {
  readonly output: string
  /** Whether outputs of the same time may come in any order. */
  readonly anyOrder?: boolean
  readonly stores: readonly string[]
}

/** The results of a run, in a form in which two runs can be compared. */
export interface Results {
  readonly outputs: number
  /** Of every output's time, key and value, in order; see `anyOrder`. */
  readonly outputDigest: string
  readonly states: readonly StoreResults[]
}

interface StoreResults {
  /** How many totals a store holds; 0 for a job without. */
  readonly totals: number
  /** Of every total's key and value, in the order of keys. */
  readonly stateDigest: string
}

/** Reads the results of a run. `state` is the state's directory. `prefixBytes` bytes before each of its values are skipped. */
export async function readResults(
  data: string,
  { output, anyOrder = false, stores }: Compared,
  state: string,
  prefixBytes: number,
): Promise<Results> {
  const outputs = new TopicReader(`${data}/topics/${output}/0`)
  const outputHash = createHash('sha256')
  let time = Number.NaN
  const ofTime: Buffer[] = []
  const hashTime = () => {
    for (const each of anyOrder ? ofTime.toSorted(Buffer.compare) : ofTime) outputHash.update(each)
    ofTime.length = 0
  }
  while (outputs.nextBatch()) {
    while (outputs.next()) {
      const { bytes, timestamp, keyStart, keyEnd, valueStart, valueEnd } = outputs
      if (timestamp !== time) hashTime()
      time = timestamp
      const head = Buffer.from(`${timestamp} ${keyEnd - keyStart} `)
      ofTime.push(Buffer.concat([head, bytes.subarray(keyStart, keyEnd), bytes.subarray(valueStart, valueEnd)]))
    }
  }
  hashTime()
  const states: StoreResults[] = []
  for (const store of stores) states.push(await readTotals(state, `${store}\0`, `${store}\x01`, prefixBytes))
  return { outputs: outputs.records, outputDigest: outputHash.digest('hex'), states }
}

/** Reads the totals from one key on and before another. */
export async function readTotals(state: string, gte: string, lt: string, prefixBytes: number): Promise<StoreResults> {
  const stateHash = createHash('sha256')
  let totals = 0
  const level = await openState(state)
  for await (const [key, value] of level.iterator({ gte: Buffer.from(gte), lt: Buffer.from(lt) })) {
    stateHash.update(key).update(value.subarray(prefixBytes))
    totals++
  }
  await level.close()
  return { totals, stateDigest: stateHash.digest('hex') }
}

/** The state directory of the job's only task. */
export function onlyTask(data: string, job: string): string {
  const tasks = readdirSync(`${data}/state/${job}`)
  if (tasks.length !== 1) throw new Error(`${job} has ${tasks.length} tasks, not one`)
  return `${data}/state/${job}/${tasks[0]}`
}

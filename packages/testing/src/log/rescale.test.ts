import { openFileLog } from '@millrace/connectors/file'
import { type Log, MillraceError, openTopicWriter, string, type TopicWriter, topic } from '@millrace/core'
import { readAll } from '@millrace/core/conformance'
import { expect, test } from 'vitest'
import { Machine } from '../machine/machine.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'

/** To run one seed alone: `MILLRACE_SEED=123 npx vitest run packages/testing/src/log/rescale.test.ts`. */
const ONLY = process.env['MILLRACE_SEED']
const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? 100)
const DIRECTORY = '/data'
const NUMBERS = topic('t', { value: string() })
const REPLACED = new Set(['TOPIC_RESCALED', 'TOPIC_MISSING'])
const PARTITIONS = [2, 3, 1, 4]
/** A rescaling makes some hundred calls that change the disk. */
const CRASH_PER_CALL = 1 / 300
const RUNS = 4
const RUN_MS_MAX = 100
/** As the kernel does after a sync, less than it waits for one. */
const OPEN_AGAIN_MS = 1

/** The numbers of the records that were acknowledged. */
type Acknowledged = Set<number>

function openAt(process: SimulatedProcess): Promise<Log> {
  return openFileLog({ directory: DIRECTORY, env: process.env })
}

/** Appends numbers, and opens the topic again whenever it is rescaled. */
async function produce(process: SimulatedProcess, first: number, acknowledged: Acknowledged): Promise<void> {
  const log = await openAt(process)
  await log.admin.createTopic('t').catch(() => undefined)
  for (let number = first; ; ) {
    let writer: TopicWriter<null, string> | undefined
    try {
      writer = await openTopicWriter(log, NUMBERS)
      for (;;) {
        writer.send({ value: `${++number}`, timestamp: number })
        await writer.flush()
        acknowledged.add(number)
      }
    } catch (error) {
      // A tail that a dying process wrote half does not show why the topic is gone.
      if (!(error instanceof MillraceError && REPLACED.has(error.code))) throw error
      await writer?.close().catch(() => undefined)
      await new Promise<void>((resolve) => process.env.timers.after(OPEN_AGAIN_MS, resolve))
    }
  }
}

async function rescaleAll(process: SimulatedProcess): Promise<void> {
  const log = await openAt(process)
  await log.admin.createTopic('t').catch(() => undefined)
  for (let turn = 0; ; turn++) {
    try {
      const rescaling = await log.rescale?.('t', PARTITIONS[turn % PARTITIONS.length] ?? 1)
      await rescaling?.seal()
      await rescaling?.copy()
      await rescaling?.finish()
      await rescaling?.close()
    } catch (error) {
      // The producer that opens the log finishes what a dead process has left.
      if (!(error instanceof MillraceError && error.code === 'TOPIC_RESCALED')) throw error
    }
    await new Promise<void>((resolve) => process.env.timers.after(OPEN_AGAIN_MS, resolve))
  }
}

/** Every acknowledged record is there, and none twice. Returns how many partitions there are. */
async function verify(process: SimulatedProcess, acknowledged: Acknowledged): Promise<number> {
  const log = await openAt(process)
  await log.admin.checkTopics(['t'])
  const { partitions = 0 } = (await log.admin.describeTopic('t')) ?? {}
  const reader = log.openReader()
  const numbers: number[] = []
  for (let partition = 0; partition < partitions; partition++) {
    for (const { value } of readAll(await reader.assign('t', partition, 0))) numbers.push(Number(value))
  }
  await log.close()
  const there = new Set(numbers)
  if (there.size !== numbers.length) throw new Error('A record is there twice')
  const missing = [...acknowledged].filter((number) => !there.has(number))
  if (missing.length > 0) throw new Error(`Records ${missing} were acknowledged, and are not there`)
  return partitions
}

/** A producer and a process that rescales the topic; both die, or the power goes, and they begin again. */
async function runScenario(seed: number): Promise<{ readonly records: number; readonly partitions: number }> {
  const machine = new Machine(seed)
  const { random } = machine
  const acknowledged: Acknowledged = new Set()
  const { files } = machine.process('administrator').env
  files.makeDirectory(DIRECTORY)
  await machine.settle(files.syncDirectory('/'))
  let failure: unknown
  const start = (name: string, work: (process: SimulatedProcess) => Promise<void>) => {
    const running = machine.processes.find((each) => each.name === name)
    if (running !== undefined && running.state !== 'crashed') return
    const process = machine.process(name)
    work(process).catch((error: unknown) => {
      // In a dead process every call fails; how its code reacts does not matter.
      if (process.state !== 'crashed') failure ??= error
    })
  }
  for (let run = 0; run < RUNS; run++) {
    start('producer', (process) => produce(process, run * 1_000_000, acknowledged))
    start('rescaler', rescaleAll)
    machine.faults = () => (random.chance(CRASH_PER_CALL) ? (random.chance(0.5) ? 'torn' : 'crash') : undefined)
    await machine.run(() => failure !== undefined, { withinMs: random.between(1, RUN_MS_MAX) })
    if (failure !== undefined) throw failure
    const what = random.next()
    if (what < 0.5) machine.powerCut()
    else if (what < 0.75) for (const process of machine.processes) process.crash()
  }
  machine.faults = undefined
  for (const process of machine.processes) process.crash()
  if (random.chance(0.5)) machine.powerCut()
  const partitions = await machine.settle(verify(machine.process('verifier'), acknowledged))
  return { records: acknowledged.size, partitions }
}

test('a topic that is rescaled while others append has every acknowledged record once, whichever process dies and whenever the power goes', {
  timeout: 120_000,
}, async () => {
  const first = Number(ONLY ?? 1)
  const last = ONLY === undefined ? SEEDS : first
  const rescaled = new Set<number>()
  let records = 0
  for (let seed = first; seed <= last; seed++) {
    try {
      const found = await runScenario(seed)
      rescaled.add(found.partitions)
      records += found.records
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}`, { cause: error })
    }
  }
  if (ONLY !== undefined) return
  expect(records / SEEDS).toBeGreaterThan(5)
  expect(rescaled).toEqual(new Set([1, 2, 3, 4]))
})

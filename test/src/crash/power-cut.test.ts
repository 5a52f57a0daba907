import { closeSync, cpSync, existsSync, fdatasyncSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seededRandom } from '../flights/seeded-random.ts'
import { check } from './check.ts'
import { EVERYTHING, needs, TIMEOUT_MS } from './extent.ts'
import { ORDERS_A_ROUND, ScratchDirectory, startJob } from './job-process.ts'
import { Outcomes } from './outcomes.ts'
import { randomMoment } from './random-moment.ts'
import { hasLoopDevices, missingForPowerCuts, SmallDisk } from './small-disk.ts'

/** The number of cuts. MILLRACE_POWER_CUTS sets another. */
const CUTS = Number(process.env['MILLRACE_POWER_CUTS'] ?? (EVERYTHING ? 1000 : 14))
/** After so many cuts, a new data directory is begun: its first cut falls while everything in it is created. */
const CUTS_A_DIRECTORY = 6
const MOMENT_MS = 200

test('after a power cut at any moment everything that was acknowledged is there, and the job continues with the right result', {
  timeout: TIMEOUT_MS,
}, async (context) => {
  const missing = missingForPowerCuts()
  needs(context, missing === undefined, missing ?? '')
  if (!hasLoopDevices()) context.skip('needs loop devices, which this kernel does not have')
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  console.log(`SEED=${seed}`)
  const random = seededRandom(seed)
  const outcomes = new Outcomes('power cuts')
  using disk = new SmallDisk()
  let acknowledged = 0
  for (let cut = 0; cut < CUTS; cut++) {
    if (cut % CUTS_A_DIRECTORY === 0) acknowledged = 0
    const directory = `${disk.path}/${Math.floor(cut / CUTS_A_DIRECTORY)}`
    acknowledged = Math.max(acknowledged, await runUntilCut(disk, directory, `boot ${cut}`, random, outcomes))
    // The next run continues with the data that the cut left. A copy of it is checked.
    using copy = new ScratchDirectory()
    if (existsSync(directory)) cpSync(directory, copy.path, { recursive: true })
    const where = `SEED=${seed}, cut ${cut}`
    const options = { acknowledged, orders: acknowledged + 2 * ORDERS_A_ROUND, boot: `boot ${cut + 1}` }
    outcomes.classify(where, await check(copy.path, options))
  }
  outcomes.report()
  expect(outcomes.violations).toEqual([])
  expect(outcomes.of('where records flowed')).toBeGreaterThan(CUTS / 2)
})

/** Runs the job, cuts the power during the run, and mounts the disk again. Returns how far the input was acknowledged. */
async function runUntilCut(
  disk: SmallDisk,
  directory: string,
  boot: string,
  random: () => number,
  outcomes: Outcomes,
): Promise<number> {
  const { child, end } = startJob(directory, { orders: 1_000_000, boot })
  // A quarter of the cuts fall anywhere in the start.
  if (random() < 0.75) await firstLine(child.stdout)
  await randomMoment(random() * MOMENT_MS)
  child.kill('SIGSTOP')
  // The kernel may have written any part of the data that is not synced. Here it has written some files.
  if (random() < 0.5 && existsSync(directory)) syncSome(directory, random)
  disk.cutPower()
  child.kill('SIGKILL')
  const { signal, acknowledged, output } = await end
  outcomes.tried()
  if (signal !== 'SIGKILL') outcomes.violation('before the cut', output)
  if (acknowledged > 0) outcomes.count('where records flowed')
  disk.restorePower()
  return acknowledged
}

function firstLine(stdout: NodeJS.ReadableStream | null): Promise<void> {
  return new Promise((resolve) => {
    stdout?.once('data', () => resolve())
    stdout?.once('end', () => resolve())
  })
}

function syncSome(directory: string, random: () => number): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || random() < 0.8) continue
    const path = join(entry.parentPath, entry.name)
    // A call that was in progress when the process was stopped may still have removed the file.
    if (!existsSync(path)) continue
    const file = openSync(path, 'r')
    fdatasyncSync(file)
    closeSync(file)
  }
}

import { once } from 'node:events'
import type { Measured } from './measure.ts'
import type { Options, Work } from './work.ts'

/** A child process: prepares a piece of work, waits for the message to start, does the work, and reports what it took. */
const [file = ''] = process.argv.slice(2)
const loaded: { default: Work } = await import(new URL(`../${file}`, import.meta.url).href)
const [options]: Options[] = await once(process, 'message')
const work = await loaded.default.prepare(options ?? {})
process.send?.('ready')
await once(process, 'message')

const cpuBefore = process.cpuUsage()
const startMs = performance.timeOrigin + performance.now()
const records = await work.run()
const endMs = performance.timeOrigin + performance.now()
const cpu = process.cpuUsage(cpuBefore)
const memoryPeakMb = process.resourceUsage().maxRSS / 1024

const measured: Measured = {
  records,
  startMs,
  endMs,
  cpuSeconds: (cpu.user + cpu.system) / 1e6,
  memoryPeakMb,
  found: work.found?.() ?? [],
}
// A long message takes a while to be sent, and disconnecting would cut it off.
await new Promise((resolve) => process.send?.(measured, resolve))
await work.close?.()
process.disconnect()

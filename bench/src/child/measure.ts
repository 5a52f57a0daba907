import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Options } from './work.ts'

/** What a child process measured. */
export interface Measured {
  readonly records: number
  /** Wall-clock, ms since the epoch. */
  readonly startMs: number
  readonly endMs: number
  /** User and system, all threads. */
  readonly cpuSeconds: number
  /** Of the whole process, including its start-up. */
  readonly memoryPeakMb: number
  readonly found: readonly number[]
}

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

/** Does a piece of work in a separate process. `file` is the module, from `bench/src`, whose default export is the work. */
export async function measure(file: string, options: Options): Promise<Measured> {
  const [measured] = await measureTogether([[file, options]])
  if (measured === undefined) throw new Error(`${file} measured nothing`)
  return measured
}

/** Does several pieces of work at the same time, each in its own process. They begin when all are ready. */
export async function measureTogether(works: readonly (readonly [string, Options])[]): Promise<Measured[]> {
  const children = works.map(([file, options]) => start(file, options))
  await Promise.all(children.map(({ ready }) => ready))
  return Promise.all(
    children.map(({ child, measured }) => {
      child.send('go')
      return measured
    }),
  )
}

/**
 * Records per second of several pieces of work at once: all their records, from the start of the first to the end of the
 * last.
 */
export function recordsPerSecond(measured: readonly Measured[]): number {
  const records = measured.reduce((sum, each) => sum + each.records, 0)
  const startMs = Math.min(...measured.map((each) => each.startMs))
  const endMs = Math.max(...measured.map((each) => each.endMs))
  return (records / (endMs - startMs)) * 1000
}

function start(file: string, options: Options) {
  const child: ChildProcess = fork(MAIN, [file], {
    execArgv: ['--conditions=millrace-source'],
  })
  child.send(options)
  const ready = Promise.withResolvers<void>()
  const measured = Promise.withResolvers<Measured>()
  child.on('message', (message: 'ready' | Measured) => {
    if (message === 'ready') ready.resolve()
    else measured.resolve(message)
  })
  child.on('exit', (code) => {
    const error = new Error(`${file} ended with code ${code}: see above`)
    ready.reject(error)
    measured.reject(error)
  })
  // The caller that waits for the first of the two promises gets the error.
  measured.promise.catch(() => undefined)
  return { child, ready: ready.promise, measured: measured.promise }
}

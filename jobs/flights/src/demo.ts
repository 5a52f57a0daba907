import { randomUUID } from 'node:crypto'
import { MillraceClient } from '@millrace/client'
import { createLogUpdate } from 'log-update'
import pc from 'picocolors'
import { LiveDelays } from './demo/live-delays.ts'
import { millrace, type Running } from './demo/millrace-command.ts'
import { importedIn, type Moment, picture, plainLine } from './demo/picture.ts'
import { Rates } from './demo/rates.ts'
import { FLIGHTS_FILE } from './parquet-file.ts'
import { type Delay, plan } from './plan.ts'

const JOB = new URL('job.ts', import.meta.url).pathname
const PARTITIONS = '4'
const RATE_WINDOW_MS = 2000
const AIRPORTS_SHOWN = 5

const token = process.env['MILLRACE_TOKEN'] ?? randomUUID()
// The commands that this process starts read it from here.
process.env['MILLRACE_TOKEN'] = token

const live = process.stdout.isTTY === true && process.env['CI'] === undefined
const PICTURE_MS = live ? 250 : 2000
const colors = pc.createColors(live && !process.env['NO_COLOR'])
const { delays, hoursOfDay } = plan({ grace: '10m' })

/**
 * Imports the flights and runs the job on them at the same time, shows both, and serves the views for queries until Ctrl-C.
 * When it is started again, it continues where it stopped.
 */
async function demo(): Promise<void> {
  const children: Running[] = []
  const ended = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ended.abort())
  process.on('exit', () => {
    for (const { child } of children) child.kill('SIGTERM')
  })

  await Promise.all([makeTopic('flights'), makeTopic('delays-by-hour')])
  const importing = startImport()
  children.push(importing)
  const job = startJob()
  children.push(job)
  const client = new MillraceClient(await Promise.race([job.url, failed(job.done)]), { token })
  const liveDelays = new LiveDelays()
  liveDelays.follow(client, delays)

  const draw = createLogUpdate(process.stdout)
  const rates = new Rates(RATE_WINDOW_MS)
  let caughtUp = false
  while (!ended.signal.aborted) {
    const status = await client.status()
    const hours = new Map<string, Delay>()
    for await (const { key, value } of client.view(hoursOfDay).all()) hours.set(key, value)
    const { hour, airports } = liveDelays.top(AIRPORTS_SHOWN)
    const moment: Moment = {
      imported: importedIn(status),
      tasks: rates.add(status),
      hour,
      airports,
      hoursOfDay: hours,
    }
    if (live) draw(picture(moment, colors))
    else if (!caughtUp) process.stdout.write(`${plainLine(moment)}\n`)
    if (!caughtUp && importing.finished() && isQuiet(moment.tasks)) {
      caughtUp = true
      draw.done()
      process.stdout.write(nextSteps())
      draw.clear()
    }
    await Promise.race([pause(PICTURE_MS, ended.signal), failed(job.done), failed(importing.done)])
    if (caughtUp) await Promise.race([aborted(ended.signal), failed(job.done)])
  }
  liveDelays.stop()
  for (const { child } of children) child.kill('SIGTERM')
  await Promise.allSettled(children.map(({ done }) => done))
}

/**
 * Whether every task has read all its records and has read none for a while. Then all records of the repartition topics are
 * processed too.
 */
function isQuiet(tasks: Moment['tasks']): boolean {
  return tasks.every(({ lag, perSecond }) => lag === 0 && perSecond === 0)
}

async function makeTopic(name: string): Promise<void> {
  await millrace(['topics', 'create', name, '--partitions', PARTITIONS, '--if-missing']).done
}

/** An import that was killed, or had finished, continues where it ended: no record is imported twice. */
function startImport() {
  let finished = false
  const args = ['topics', 'import', 'flights', FLIGHTS_FILE, '--key', 'origin', '--timestamp', 'date', '--resume']
  const running = millrace(args)
  running.done.then(
    () => {
      finished = true
    },
    () => undefined,
  )
  return { ...running, finished: () => finished }
}

function startJob() {
  const address = Promise.withResolvers<string>()
  const running = millrace(['run', JOB], (line) => {
    const found = /served at (http:\S+)/.exec(line)?.[1]
    if (found !== undefined) address.resolve(found)
  })
  return { ...running, url: address.promise }
}

function nextSteps(): string {
  const { bold, cyan, dim } = colors
  const commands = [
    'npx millrace query delays ATL --window 2001-06-30T17:00',
    'npx millrace query hours-of-day --all',
    'npx millrace query routes --prefix ATL- --window-from 2001-06-30',
    'npx millrace topics tail delays-by-hour --from start --limit 5',
  ]
  return [
    '',
    bold('All flights are processed. The views answer until Ctrl-C; in another terminal try:'),
    ...commands.map((command) => `  ${dim('$')} ${cyan(command)}`),
    '',
    '',
  ].join('\n')
}

/** Never resolves; rejects if the child fails. */
function failed(done: Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    done.catch(reject)
  })
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const waited = new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref()
  })
  await Promise.race([waited, aborted(signal)])
}

try {
  await demo()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
process.exit()

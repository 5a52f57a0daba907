import type { ViewDescription } from '@millrace/client'
import { parsePosition, RefusedError } from '@millrace/core'
import { hasTextKeys } from '@millrace/core/internal'
import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption } from '../data-option.ts'
import { badInput, badUsage } from '../input-error.ts'
import { isExactNumber, isJsonNumber } from '../json-text/exact-number.ts'
import type { Io } from '../terminal/io.ts'
import { LineOutput } from '../terminal/output.ts'
import { jsonLine } from '../terminal/printable.ts'
import { printRows } from '../terminal/table.ts'
import { durationMs, positiveNumber, timeMs } from '../values.ts'
import { entryRows } from './entry-rows.ts'
import type { FoundEntry } from './found-entry.ts'
import { hasWindows } from './has-windows.ts'
import { type EntriesQuery, type NotedRead, readEntries, readKey, readWindow } from './read-entries.ts'
import { openStopped } from './stopped-source.ts'
import { type FoundView, findView, jobOption, keyOf, noteCompleteness, urlOption } from './view-source.ts'

/** This number of entries fits on a screen; `--limit` and `--all` return more. */
const ENTRIES_SHOWN = 20

interface QueryOptions extends DataOptions {
  readonly window?: number
  readonly windowFrom?: number
  readonly windowTo?: number
  readonly all?: boolean
  readonly limit?: number
  readonly last?: number
  readonly reverse?: boolean
  readonly from?: string
  readonly to?: string
  readonly prefix?: string
  readonly after?: string
  readonly timeout?: number
  readonly stale?: boolean
  readonly json?: boolean
  readonly url?: string
  readonly job?: string
}

export function queryCommand(io: Io): Command {
  return new Command('query')
    .description('Reads a view of a job: one key, the windows of a key, or a range. Reads only committed state.')
    .argument('<view>', 'the name of the view')
    .argument('[key]', 'text, or JSON if the keys are not strings; leave it out to read a range')
    .option('--window <time>', 'the start of one window of the key: ms or an ISO date (UTC)', timeMs)
    .option('--window-from <time>', 'windows that start at this time or later', timeMs)
    .option('--window-to <time>', 'windows that start before this time', timeMs)
    .option('--all', `all entries (default: the first ${ENTRIES_SHOWN})`)
    .option('--limit <count>', 'at most this many entries', positiveNumber)
    .option('--last <count>', 'the last entries: with a key, its latest windows', positiveNumber)
    .option('--reverse', 'from the last entry to the first')
    .option('--from <key>', 'keys from this key on')
    .option('--to <key>', 'keys before this key')
    .option('--prefix <text>', 'keys that start with this text')
    .option('--after <position>', 'wait until the answer reflects this position: topic/partition=offset,…')
    .option('--timeout <time>', 'how long to wait for --after, such as 10s (default: 5s)', durationMs)
    .option('--stale', 'while the process of a part is away, also from standbys, which may be behind')
    .addOption(jsonOption())
    .addOption(dataOption())
    .addOption(urlOption())
    .addOption(jobOption())
    .addHelpText(
      'after',
      `
With --json each line is {"key":…,"window":{"start":…,"end":…},"value":…}, with "window" only if the view has windows. The exit
code is 4 if the key has no value. If the job does not run, the view is read as the job committed it last, and stderr reports when
that was.

Examples:
  $ millrace query delays
  $ millrace query delays ATL --window 2001-01-31T08:00
  $ millrace query delays ATL --last 1
  $ millrace query routes --prefix ATL- --limit 50
  $ millrace query delays --all --json > delays.ndjson`,
    )
    .action((name: string, key: string | undefined, options: QueryOptions) => query(io, name, key, options))
}

async function query(io: Io, name: string, key: string | undefined, options: QueryOptions): Promise<void> {
  refuseContradictions(key, options)
  const found = await findOrOpen(io, name, options)
  try {
    await queryFound(io, found, key, options)
  } finally {
    await found.close()
  }
}

/** The view of the running job, or, if none runs, of the job that has run. */
async function findOrOpen(io: Io, name: string, options: QueryOptions): Promise<FoundView> {
  try {
    return await findView(io, name, options)
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code !== 'JOB_NOT_RUNNING') throw error
    return openStopped(io, name, options, error)
  }
}

async function queryFound(io: Io, found: FoundView, key: string | undefined, options: QueryOptions): Promise<void> {
  const { name } = found.view
  noteCompleteness(io, found.view)
  const staleParts = new Set<number>()
  const read: NotedRead = {
    ...(options.after !== undefined && { after: parsePosition(options.after) }),
    ...(options.timeout !== undefined && { timeoutMs: options.timeout }),
    ...(options.stale === true && { stale: true }),
    noteStale: (parts) => {
      for (const part of parts) staleParts.add(part)
    },
  }
  try {
    await printFound(io, found, key, options, read)
  } finally {
    noteStale(io, name, [...staleParts])
  }
}

/** Reports the parts of a view that standbys have answered. */
function noteStale(io: Io, view: string, parts: readonly number[]): void {
  if (parts.length === 0) return
  const numbers = parts.toSorted((a, b) => a - b).join(', ')
  io.stderr.write(
    `Standbys have answered for ${parts.length === 1 ? 'part' : 'parts'} ${numbers} of view ${view}, whose process is away. They may be behind\n`,
  )
}

async function printFound(
  io: Io,
  found: FoundView,
  key: string | undefined,
  options: QueryOptions,
  read: NotedRead,
): Promise<void> {
  const { name } = found.view
  const windowed = hasWindows(found.view)
  if (!windowed && (options.window ?? options.windowFrom ?? options.windowTo) !== undefined) {
    throw badUsage(`View ${name} has no windows. Leave out --window, --window-from and --window-to`)
  }
  const json = options.json === true
  if (key !== undefined) refuseRounded(found.view, key)
  if (key !== undefined && (!windowed || options.window !== undefined)) {
    refuseOrder(options)
    const entry =
      options.window === undefined
        ? await readKey(found, key, read)
        : await readWindow(found, key, options.window, read)
    if (entry === undefined) throw valueMissing(found.view, key, options.window)
    printRows(io, json ? [{ ...entry }] : entryRows([shownEntry(found.view, entry)], found.view), json)
    return
  }
  const printed = await printEntries(io, found.view, readEntries(found, entriesQuery(key, options), read), options)
  if (printed > 0) return
  if (key !== undefined && (options.windowFrom ?? options.windowTo) === undefined) {
    throw valueMissing(found.view, key, undefined)
  }
  if (!json) io.stderr.write('No entries\n')
}

/** Returns how many entries were read. */
async function printEntries(
  io: Io,
  view: ViewDescription,
  entries: AsyncIterable<FoundEntry>,
  options: QueryOptions,
): Promise<number> {
  const json = options.json === true
  const { last, reverse = false } = options
  const limit = last ?? options.limit ?? (options.all === true ? Number.POSITIVE_INFINITY : ENTRIES_SHOWN)
  const output = new LineOutput(io.stdout)
  // If the output is a table, or is printed in another order than it is read, it is printed when all of it has been read.
  const turned = last !== undefined && !reverse
  const shown: FoundEntry[] = []
  let read = 0
  let more = false
  for await (const entry of entries) {
    if (read === limit) {
      more = true
      break
    }
    read++
    if (json && !turned) await output.line(jsonLine(io, entry))
    else shown.push(entry)
  }
  if (turned) shown.reverse()
  if (json) for (const entry of shown) await output.line(jsonLine(io, entry))
  await output.flush()
  if (!json)
    printRows(
      io,
      entryRows(
        shown.map((entry) => shownEntry(view, entry)),
        view,
      ),
      false,
    )
  if (more && (last ?? options.limit) === undefined) {
    io.stderr.write(
      'The view has more entries. Read them with --all or --limit, or choose with --last, --from or --prefix\n',
    )
  }
  return read
}

function refuseContradictions(key: string | undefined, options: QueryOptions): void {
  const range = options.all === true ? '--all' : options.from !== undefined ? '--from' : undefined
  const other = range ?? (options.to !== undefined ? '--to' : options.prefix !== undefined ? '--prefix' : undefined)
  if (key !== undefined && other !== undefined && other !== '--all') {
    throw badUsage(`A key and ${other} exclude each other. Give one of them`)
  }
  if (key === undefined && options.window !== undefined) {
    throw badUsage('--window needs a key. For windows of all keys, use --window-from and --window-to')
  }
  if (options.stale === true && options.after !== undefined) {
    throw badUsage('--stale and --after exclude each other. Give one of them')
  }
  if (options.last !== undefined && (options.limit !== undefined || options.all === true)) {
    throw badUsage(`--last and ${options.all === true ? '--all' : '--limit'} exclude each other. Give one of them`)
  }
}

function refuseOrder({ last, reverse }: QueryOptions): void {
  const given = last !== undefined ? '--last' : reverse === true ? '--reverse' : undefined
  if (given !== undefined) throw badUsage(`${given} is for several entries, and this query reads one. Leave it out`)
}

function entriesQuery(key: string | undefined, options: QueryOptions): EntriesQuery {
  const { from, to, prefix, windowFrom, windowTo, last, reverse = false } = options
  return { key, from, to, prefix, windowFrom, windowTo, reverse: reverse || last !== undefined }
}

/** If keys are not text, a key is shown as its JSON, so that it can be typed in again: the text "12345" is not the number. */
function shownEntry(view: ViewDescription, entry: FoundEntry): FoundEntry {
  return hasTextKeys({ name: view.key }) ? entry : { ...entry, key: JSON.stringify(entry.key) }
}

/** JavaScript would round such a key of digits to another key. */
function refuseRounded(view: ViewDescription, text: string): void {
  if (hasTextKeys({ name: view.key }) || !isJsonNumber(text) || isExactNumber(text)) return
  throw badInput(`View ${view.name} has no key ${text}: JavaScript rounds it to ${Number(text)}`)
}

function valueMissing(view: ViewDescription, text: string, window: number | undefined): RefusedError {
  const key = keyOf(view, text)
  const when = window === undefined ? '' : ` in the window that starts at ${new Date(window).toISOString()} (${window})`
  const problem = `View ${view.name} has no value for key ${JSON.stringify(key)}${when}`
  const hint =
    hasTextKeys({ name: view.key }) || typeof key === 'string'
      ? ''
      : `. Keys of this view are ${view.key}, so ${text} was read as such a key. If the key is text, write '${JSON.stringify(text)}'`
  return new RefusedError('VALUE_MISSING', problem + hint)
}

import type { ViewEvent } from '@millrace/client'
import { formatPosition } from '@millrace/core'
import { Command } from 'commander'
import { fromEvent, merge, type Observable, takeUntil, tap } from 'rxjs'
import { type DataOptions, dataOption, jsonOption } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printable } from '../terminal/printable.ts'
import { cell } from '../terminal/table.ts'
import type { FoundEntry } from './found-entry.ts'
import {
  type FoundView,
  findView,
  jobOption,
  noteCompleteness,
  partsMissing,
  partsMoved,
  urlOption,
  type ViewSource,
} from './view-source.ts'
import { windowText } from './window-text.ts'

interface WatchOptions extends DataOptions {
  readonly json?: boolean
  readonly url?: string
  readonly job?: string
}

export function watchCommand(io: Io): Command {
  return new Command('watch')
    .description('Prints the changes of a view as they are committed, until Ctrl-C.')
    .argument('<view>', 'its name')
    .addOption(jsonOption())
    .addOption(dataOption())
    .addOption(urlOption())
    .addOption(jobOption())
    .addHelpText(
      'after',
      `
Each line is one entry's new value; a commit's changes come together, each key at most once. A deleted entry is null.

Examples:
  $ millrace watch delays
  $ millrace watch delays --json | jq -c 'select(.key == "ATL")'`,
    )
    .action(async (name: string, options: WatchOptions) => {
      const stop = io.stopSignal()
      const found = await findView(io, name, options)
      if (stop.aborted) return
      noteCompleteness(io, found.view)
      if (found.missing.length > 0) throw partsMissing(found)
      const changes = merge(...found.sources.map((source) => changesOf(found, source)))
      await new Promise<void>((resolve, reject) => {
        changes.pipe(takeUntil(fromEvent(stop, 'abort'))).subscribe({
          next: (event) => {
            if (event.kind === 'start') {
              io.stderr.write(`Watching ${printable(name)}, from position ${formatPosition(event.position)} on\n`)
            } else io.stdout.write(`${changeLine(io, event.entry, options.json === true)}\n`)
          },
          error: reject,
          complete: resolve,
        })
      })
    })
}

/** What one process tells of the view: all of its changes, or those of the parts that it has. */
function changesOf(found: FoundView, { client, parts }: ViewSource): Observable<ViewEvent<FoundEntry>> {
  const { name, windowMs } = found.view
  const isPart = found.sources.length > 1
  const options = isPart ? { parts: 'here' as const } : {}
  const changes: Observable<ViewEvent<FoundEntry>> =
    windowMs === null
      ? client.view<unknown, unknown>(name).changes(options)
      : client.windowedView<unknown, unknown>(name).changes(options)
  return changes.pipe(
    tap((event) => {
      if (isPart && event.kind === 'start' && String(event.parts) !== String(parts)) throw partsMoved(found)
    }),
  )
}

function changeLine(io: Io, entry: FoundEntry, json: boolean): string {
  if (json) return jsonLine(io, entry)
  const { cyan, dim } = io.colors
  const window = entry.window === undefined ? '' : ` ${dim(windowText(entry.window))}`
  return `${cyan(cell(entry.key))}${window} ${entry.value === null ? dim('(deleted)') : printable(JSON.stringify(entry.value))}`
}

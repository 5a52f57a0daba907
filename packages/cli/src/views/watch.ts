import { formatPosition } from '@millrace/core'
import { Command } from 'commander'
import { fromEvent, takeUntil } from 'rxjs'
import { type DataOptions, dataOption, jsonOption } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { changeText } from './change-text.ts'
import { changesOf } from './followed-view.ts'
import { findParts, jobOption, keyOf, noteCompleteness, urlOption } from './view-source.ts'

interface WatchOptions extends DataOptions {
  readonly json?: boolean
  readonly url?: string
  readonly job?: string
  readonly prefix?: string
}

export function watchCommand(io: Io): Command {
  return new Command('watch')
    .description('Prints the changes of a view as they are committed, until Ctrl-C.')
    .argument('<view>', 'the name of the view')
    .argument('[key]', 'only the changes of this key')
    .option('--prefix <text>', 'only the changes of keys that start with this text')
    .addOption(jsonOption())
    .addOption(dataOption())
    .addOption(urlOption())
    .addOption(jobOption())
    .addHelpText(
      'after',
      `
Each line is the new value of one entry, except that a top N has a line for each rank, below its key. The changes of a commit come together, each key at most once. A deleted entry is null.

Examples:
  $ millrace watch delays
  $ millrace watch delays ATL
  $ millrace watch delays --json | jq -c 'select(.key == "ATL")'`,
    )
    .action(async (name: string, key: string | undefined, options: WatchOptions) => {
      const stop = io.stopSignal()
      const found = await findParts(io, name, options)
      if (stop.aborted) return
      noteCompleteness(io, found.view)
      await new Promise<void>((resolve, reject) => {
        changesOf(found, {
          ...(key !== undefined && { key: keyOf(found.view, key) }),
          ...(options.prefix !== undefined && { prefix: options.prefix }),
        })
          .pipe(takeUntil(fromEvent(stop, 'abort')))
          .subscribe({
            next: (event) => {
              if (event.kind === 'start') {
                io.stderr.write(`Watching ${printable(name)}, from position ${formatPosition(event.position)} on\n`)
              } else io.stdout.write(`${changeText(io, found.view, event.entry, options.json === true)}\n`)
            },
            error: reject,
            complete: resolve,
          })
      })
    })
}

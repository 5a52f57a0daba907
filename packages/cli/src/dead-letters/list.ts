import type { Batch } from '@millrace/core'
import type { DeadLetter } from '@millrace/core/internal'
import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption, withLog } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'
import { LineOutput } from '../terminal/output.ts'
import { jsonText, printable } from '../terminal/printable.ts'
import { recordJson, recordLine } from '../topics/tailed-record.ts'
import { existingTopic } from '../topics/topic-partitions.ts'
import { positiveNumber } from '../values.ts'
import { readLetters } from './read-letters.ts'
import { resentBefore } from './resent.ts'
import type { Letter } from './sendable.ts'

interface ListOptions extends DataOptions {
  readonly limit?: number
  readonly json?: boolean
}

/** `waiting`: `resend` sends it. `sent`: it was sent again. `left`: it cannot be sent again. */
type LetterState = 'waiting' | 'sent' | 'left'

export function listLettersCommand(io: Io): Command {
  return new Command('list')
    .description('Prints the dead letters of a topic: the record, what went wrong, and whether it was sent again.')
    .argument('<topic>', 'the topic of the dead letters')
    .option('--limit <count>', 'stop after this many', positiveNumber)
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
With --json, a line has the record as "topics tail --json" prints it, "state" (waiting, sent, or left if it cannot be sent again),
and "letter" with what is known about the failure.

Examples:
  $ millrace dead-letters list orders-failed
  $ millrace dead-letters list orders-failed --json | jq -r .letter.message`,
    )
    .action((name: string, options: ListOptions) =>
      withLog(options, 'refuse', async (log) => {
        const topic = await existingTopic(log, name)
        const before = await resentBefore(log, topic)
        const output = new LineOutput(io.stdout)
        const signal = io.stopSignal()
        let left = options.limit ?? Number.POSITIVE_INFINITY
        const print = async (letter: Letter, batch: Batch) => {
          const state = stateOf(letter, batch.offset < (before[batch.partition] ?? 0))
          await output.line(
            options.json === true
              ? jsonText(io, letterJson(letter, state, batch))
              : letterText(io, letter, state, batch),
          )
          return --left > 0 && !signal.aborted
        }
        await readLetters(log, topic, [], print)
        await output.flush()
      }),
    )
}

function stateOf({ refusal }: Letter, considered: boolean): LetterState {
  if (refusal !== undefined) return 'left'
  return considered ? 'sent' : 'waiting'
}

function letterJson({ letter, refusal }: Letter, state: LetterState, batch: Batch): string {
  const { error, message, cause, job, step, input, result } = letter ?? {}
  const known = letter && { error, message, cause, job, step, input, result }
  const more = {
    state,
    ...(refusal !== undefined && { reason: refusal }),
    ...(known !== undefined && { letter: known }),
  }
  return recordJson(batch, `,${JSON.stringify(more).slice(1, -1)}`)
}

function letterText(io: Io, { letter, refusal }: Letter, state: LetterState, batch: Batch): string {
  const { bold, dim } = io.colors
  const what = letter === undefined ? '' : ` ${printable(failureText(letter))}`
  const why = refusal === undefined ? state : `cannot be sent again: ${printable(refusal)}`
  return `${recordLine(batch, io.colors)}\n  ${bold(letter?.error ?? '-')}${what}\n  ${dim(why)}`
}

/** `in mapValues of price-orders, at orders/0 offset 3: The callback …`. */
function failureText({ step, job, input, result, message }: DeadLetter): string {
  const where = [
    step === undefined ? [] : [`in ${step}`],
    job === undefined ? [] : [`of ${job}`],
    input === undefined ? [] : [`at ${input.topic}/${input.partition} offset ${input.offset}`],
    result === undefined ? [] : [`for the result of ${result.of} with key ${result.key}${windowText(result.window)}`],
  ]
  return `${where.flat().join(' ')}: ${message}`.trimStart()
}

function windowText(window: string | undefined): string {
  return window === undefined ? '' : ` and window ${window}`
}

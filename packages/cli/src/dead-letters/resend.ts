import { type Log, RefusedError, type TopicDescription } from '@millrace/core'
import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption, withLog } from '../data-option.ts'
import { counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printable, printableLines } from '../terminal/printable.ts'
import { existingTopic } from '../topics/topic-partitions.ts'
import type { ResendTally } from './resend-tally.ts'
import { resentBefore } from './resent.ts'
import { planResend, sendAgain } from './send-again.ts'

interface ResendOptions extends DataOptions {
  readonly byKey?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

export function resendCommand(io: Io): Command {
  return new Command('resend')
    .description('Appends the records of dead letters to the topics and partitions that they came from, each once.')
    .argument('<topic>', 'the topic of the dead letters')
    .option('--by-key', 'send each record to the partition of its key, for topics that were rescaled or made again')
    .option('--dry-run', 'print what would be sent, and send nothing')
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
A record is appended as it was, byte for byte: key, value, timestamp and headers. The command remembers how far it has come, in the
same transactions: the next one begins there. A result that time emitted, and a record of a topic that belongs to a job, cannot be sent
again: they are left out and listed, and the command ends with 5.

Examples:
  $ millrace dead-letters resend orders-failed --dry-run
  $ millrace dead-letters resend orders-failed`,
    )
    .action((name: string, options: ResendOptions) =>
      withLog(options, 'refuse', async (log) => {
        const topic = await existingTopic(log, name)
        if (options.dryRun === true) {
          const tally = await planResend(log, topic, await resentBefore(log, topic), options.byKey === true)
          printTally(io, tally, options)
          if (tally.left > 0) io.stderr.write(`${printableLines(leftText(topic.name, tally))}\n`)
          return
        }
        // Of two commands at once, the second would begin where the first one did.
        const claim = await log.claim(`${name}.resend`)
        try {
          await resend(io, log, topic, options)
        } finally {
          await claim.release()
        }
      }),
    )
}

async function resend(io: Io, log: Log, topic: TopicDescription, options: ResendOptions): Promise<void> {
  const tally = await sendAgain(log, topic, options.byKey === true)
  printTally(io, tally, options)
  if (tally.left > 0) {
    throw new RefusedError('RESEND_REFUSED', leftText(topic.name, tally), { topic: topic.name })
  }
}

function printTally(io: Io, { sent, left }: ResendTally, { dryRun = false, json = false }: ResendOptions): void {
  if (json) {
    io.stdout.write(`${jsonLine(io, { sent: Object.fromEntries(sent), left, dryRun })}\n`)
    return
  }
  if (sent.size === 0) io.stdout.write('Nothing to send\n')
  const verb = dryRun ? 'Would send' : 'Sent'
  for (const [to, records] of sent) io.stdout.write(`${verb} ${counted(records, 'record')} to topic ${printable(to)}\n`)
}

function leftText(topic: string, { left, reasons }: ResendTally): string {
  const list = reasons.map((reason) => `\n- ${reason}`).join('')
  const more = left > reasons.length ? `\n- and ${counted(left - reasons.length, 'more', 'more')}` : ''
  return (
    `${counted(left, 'dead letter')} of topic ${topic} cannot be sent again. "millrace dead-letters list ${topic}" shows what ` +
    `they hold:${list}${more}`
  )
}

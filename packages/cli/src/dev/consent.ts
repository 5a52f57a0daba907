import type { JobPlan } from '@millrace/core'
import { lossText } from '../jobs/plan-text.ts'
import { counted } from '../terminal/amounts.ts'
import { readChoice } from '../terminal/choice.ts'
import type { Io } from '../terminal/io.ts'
import { printable, printableLines } from '../terminal/printable.ts'
import type { StartOrder } from './version-messages.ts'

/** How a version may go on that cannot continue with all stores. */
export type Consent = Pick<StartOrder, 'acceptLoss' | 'reset'>

/**
 * Lets a person choose on the terminal what becomes of the stores that a new version cannot continue with. Undefined if the version is not to
 * start, or if the signal comes first.
 */
export async function requestConsent(
  io: Io,
  plan: JobPlan,
  isRunning: boolean,
  signal: AbortSignal,
): Promise<Consent | undefined> {
  const { bold, yellow } = io.colors
  const lost = plan.stores.filter(({ acceptLoss, accepted }) => acceptLoss && !accepted).map(({ store }) => store)
  const losses = lossText(plan, io.colors)
  const reasons = plan.refusals.map(({ message }) => printableLines(message)).join('\n')
  const canAccept = plan.change === 'accept-loss' && lost.length > 0
  const read = plan.recompute.topics.map(({ topic, records }) => `${counted(records, 'record')} of ${topic}`).join(', ')
  io.stderr.write(`${yellow(`The new version cannot continue with all that ${printable(plan.job)} has computed.`)}\n`)
  io.stderr.write(`${losses === '' ? reasons : losses}\n`)
  const choices = [
    ...(canAccept ? [`  ${bold('a')}  accept the loss: ${lost.map(printable).join(' and ')} would start empty`] : []),
    `  ${bold('r')}  reset the job: compute everything again (${read === '' ? 'there are no records' : `at most ${read}`})`,
    `  ${bold('k')}  ${isRunning ? 'keep the running version' : 'start nothing'} until the next change`,
  ]
  io.stderr.write(`${choices.join('\n')}\n`)
  for (;;) {
    const answer = await readChoice(io, `${canAccept ? 'a, r' : 'r'} or k? `, signal)
    if (answer === 'a' && canAccept) return { acceptLoss: lost, reset: false }
    if (answer === 'r') return { acceptLoss: [], reset: true }
    if (answer === 'k' || answer === undefined) return undefined
  }
}

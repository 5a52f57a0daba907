import type { JobPlan, PlannedStore, PlannedTopic } from '@millrace/core'
import { countsFrom } from '@millrace/runtime'
import { counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'

/** How a line of the plan begins: something stays, is added, removed or changed, or stops the start. */
type Mark = '=' | '+' | '-' | '~' | '!'

interface PlanLine {
  readonly mark: Mark
  readonly name: string
  /** What happens to it, and then why, one line each. */
  readonly texts: readonly string[]
}

/** A plan as a person reads it: what changes, by section, and how the job goes on. What does not change is left out. */
export function planText(plan: JobPlan, colors: Io['colors']): string {
  const sections = [
    section('Steps', stepLines(plan), colors),
    section('Stores', plan.stores.flatMap(storeLines), colors),
    section('Topics', [...plan.topics.flatMap(topicLines), ...serdeLines(plan)], colors),
    section('Settings', settingLines(plan), colors),
  ]
  return [...sections.filter((text) => text !== ''), endText(plan, colors)].join('\n\n')
}

/** The losses of stores that a start needs consent to, as the plan shows them. */
export function lossText({ stores }: JobPlan, colors: Io['colors']): string {
  const lost = stores.filter(({ acceptLoss, accepted }) => acceptLoss && !accepted)
  return section('Stores', lost.flatMap(storeLines), colors)
}

/** What comes from the job is escaped here: later, the colours would be escaped too. */
function section(title: string, unescaped: readonly PlanLine[], colors: Io['colors']): string {
  if (unescaped.length === 0) return ''
  const lines = unescaped.map(({ mark, name, texts }) => ({ mark, name: printable(name), texts: texts.map(printable) }))
  const width = Math.max(...lines.map(({ name, texts }) => (texts.length === 0 ? 0 : name.length)))
  const shown = lines.flatMap(({ mark, name, texts: [first = '', ...others] }) => [
    `  ${colorOf(mark, colors)(mark)} ${name.padEnd(width)}  ${first}`.trimEnd(),
    ...others.map((text) => `    ${' '.repeat(width)}  ${colors.dim(text)}`),
  ])
  return [colors.bold(title), ...shown].join('\n')
}

function colorOf(mark: Mark, { green, red, yellow, dim }: Io['colors']): (text: string) => string {
  if (mark === '+') return green
  if (mark === '=') return dim
  return mark === '~' ? yellow : red
}

function stepLines({ steps, stores }: JobPlan): PlanLine[] {
  if (steps === null) return []
  // What differs in a store that cannot continue is listed with the store.
  const listed = new Set(stores.flatMap(({ store, changes }) => (changes.length > 0 ? [store] : [])))
  return [
    ...steps.added.map((name): PlanLine => ({ mark: '+', name, texts: [] })),
    ...steps.removed.map((name): PlanLine => ({ mark: '-', name, texts: [] })),
    ...steps.changed.flatMap(({ step, store, changes }): readonly PlanLine[] =>
      store !== null && listed.has(store) ? [] : [{ mark: '~', name: step, texts: changes }],
    ),
  ]
}

function storeLines(store: PlannedStore): PlanLine[] {
  const { store: name, fate, reasons } = store
  const from = countsFrom(store)
  switch (fate) {
    case 'kept':
      return [{ mark: '=', name, texts: ['kept', ...reasons] }]
    case 'new':
      return [{ mark: '+', name, texts: [`new: counts from ${from} on`, ...reasons] }]
    case 'recomputed':
      return [{ mark: '~', name, texts: [`computed again from ${from} on`, ...reasons] }]
    case 'left':
      return [{ mark: '-', name, texts: ['removed: its content stays in the changelog', ...reasons] }]
    case 'empty':
      return [emptyLine(store, from)]
  }
}

/** So many changes are listed in one line. */
const CHANGES_IN_LINE = 2

function emptyLine({ store, loses, accepted, reasons, changes }: PlannedStore, from: string): PlanLine {
  const loss = loses === 'content' ? 'what it holds is lost' : 'it does not count the records before'
  const text = `${accepted ? 'starts empty' : 'would start empty'}: ${loss}, and it counts from ${from} on`
  const accept = accepted ? [] : [`To accept this: --accept-loss ${store}`]
  return { mark: accepted ? '~' : '!', name: store, texts: [text, ...changeLines(changes), ...reasons, ...accept] }
}

function changeLines(changes: readonly string[]): string[] {
  const title = 'It is computed in another way:'
  if (changes.length > CHANGES_IN_LINE) return [title, ...changes.map((change) => `  ${change}`)]
  return changes.length === 0 ? [] : [`${title} ${changes.join('; ')}`]
}

function topicLines({ topic: name, role, partitions, change }: PlannedTopic): PlanLine[] {
  const size = partitions === null ? '' : `, with ${counted(partitions, 'partition')}`
  switch (change) {
    case 'none':
      return []
    case 'made':
      return [{ mark: '+', name, texts: [`${role}: is made${size}`] }]
    case 'missing':
      return [{ mark: '!', name, texts: [`${role}: is missing`] }]
    case 'unfit':
      return [{ mark: '!', name, texts: [`${role}: does not fit the job`] }]
    case 'left':
      return [{ mark: '-', name, texts: [`${role}: is not used any more, and stays until a reset`] }]
  }
}

function serdeLines({ serdes }: JobPlan): PlanLine[] {
  return serdes.flatMap(({ of, name, part, before, now }): readonly PlanLine[] =>
    of === 'store' ? [] : [{ mark: '~', name, texts: [`${part} serde ${before}, now ${now}`] }],
  )
}

function settingLines({ settings }: JobPlan): PlanLine[] {
  return settings.map(({ setting, before, now }) => ({ mark: '~', name: setting, texts: [`${before}, now ${now}`] }))
}

/** Whether there is nothing to list, apart from stores that continue. */
function isUnchanged({ steps, stores, topics, serdes, settings, refusals }: JobPlan): boolean {
  const stepChanges = steps === null ? 0 : steps.added.length + steps.removed.length + steps.changed.length
  return (
    stepChanges + serdes.length + settings.length + refusals.length === 0 &&
    stores.every(({ fate, reasons }) => fate === 'kept' && reasons.length === 0) &&
    topics.every(({ change }) => change === 'none')
  )
}

function endText(plan: JobPlan, { green, red, bold }: Io['colors']): string {
  const { job, change, steps, refusals } = plan
  if (refusals.length > 0) {
    return [bold(red(`The start of job ${job} is refused.`)), ...(change === 'blocked' ? [] : againLines(plan))].join(
      '\n',
    )
  }
  const lines: string[] = []
  if (isUnchanged(plan)) {
    lines.push(bold(steps === null ? 'Nothing changes in stores and topics.' : 'Nothing changes.'))
  }
  if (change === 'first') {
    lines.push(bold(green(`Job ${job} starts for the first time.`)))
    lines.push(`The job reads ${amountText(plan)}.`, ...deletedLines(plan))
  } else if (change === 'none') {
    lines.push('The processes of the job can be replaced one after the other.')
  } else {
    lines.push(bold(green(`Job ${job} starts, and continues from its last commit.`)))
    lines.push(
      'If it runs now, start it with --upgrade: all its tasks move at once when the former processes have ended.',
    )
  }
  if (steps === null && change !== 'first') {
    lines.push('Steps and settings were not compared. To compare them, name the former job file with --before.')
  }
  return lines.join('\n')
}

function againLines(plan: JobPlan): string[] {
  const { job, nextVersion } = plan
  return [
    `To compute everything again ("millrace reset ${job}", or beside it as .withVersion(${nextVersion})), the job reads ${amountText(plan)}.`,
    ...deletedLines(plan),
  ]
}

function amountText({ recompute: { topics } }: JobPlan): string {
  if (topics.length === 0) return 'no records: no topic that it reads exists'
  return topics.map(({ topic, records }) => `at most ${counted(records, 'record')} of topic ${topic}`).join(' and ')
}

function deletedLines({ recompute: { topics } }: JobPlan): string[] {
  return topics.flatMap(({ topic, deleted }) =>
    deleted === 0
      ? []
      : [`Deleted from the start of topic ${topic}, and not to be counted again: ${counted(deleted, 'record')}.`],
  )
}

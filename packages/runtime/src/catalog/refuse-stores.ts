import { type Gap, RefusedError } from '@millrace/core'
import { amount, type Topology } from '@millrace/core/internal'
import type { CatalogPlan, StoreProblem } from './plan-catalog.ts'

/** Throws `JOB_INVALID` for names that no store of the job has. */
export function requireStores({ job, subtopologies }: Topology, names: readonly string[]): void {
  const stores = subtopologies.flatMap((subtopology) => subtopology.stores.map(({ name }) => name))
  const unknown = names.filter((name) => !stores.includes(name))
  if (unknown.length === 0) return
  throw new RefusedError(
    'JOB_INVALID',
    `Job ${job} has no store ${unknown.join(' and no store ')} that could start empty. Its stores: ${stores.join(', ') || 'none'}`,
    { job },
  )
}

/** The error lists at most this many partitions: more would not help the reader. */
const GAPS_SHOWN = 4

/**
 * Throws the reasons to refuse a job's stores: `STORE_CHANGED` if a store is computed differently from what it holds,
 * `STORE_BEHIND` if records were processed without it. The error lists every store, and what the user can do.
 */
export function refuseStores(job: string, { problems, changedTopics }: CatalogPlan): void {
  const [topic] = changedTopics
  if (topic !== undefined) throw topicChanged(job, topic)
  const [first] = problems
  if (first === undefined) return
  const lines = problems.map((problem) => `\n- ${problemText(problem)}`).join('')
  const flags = problems.map(({ store }) => `--accept-loss ${store}`).join(' ')
  const changed = problems.find(({ changes }) => changes.length > 0)
  const { store, subtopology, missed } = changed ?? first
  throw new RefusedError(
    changed === undefined ? 'STORE_BEHIND' : 'STORE_CHANGED',
    `Job ${job} cannot continue with its stores:${lines}\nChoose one:\n- Compute everything from the start of the inputs: run ` +
      `"millrace reset ${job}", then start the job\n- Start ${problems.length === 1 ? 'the store' : 'these stores'} empty ` +
      `(${flags}): the views then report from which position they count\n- Run the version of the job that ran last` +
      (changed === undefined ? '' : '\n- Give the step a new name'),
    { job, store, task: `${subtopology}-${missed[0]?.partition ?? 0}` },
  )
}

function problemText(problem: StoreProblem): string {
  return `Store ${problem.store} (tasks ${problem.subtopology}-*) ${problemReasons(problem).join(', and ')}`
}

/** Why a store cannot continue; each text follows the store's name. */
export function problemReasons({ changes, missed, emptied }: StoreProblem): readonly string[] {
  return [
    ...(changes.length === 0 ? [] : [`is computed in another way: ${changes.join('; ')}`]),
    ...(missed.length === 0 ? [] : [`missed ${gapsText(missed)}, which the job processed without it`]),
    ...(emptied.length === 0 ? [] : [`depends on ${emptied.join(' and ')}, which would start empty`]),
  ]
}

function gapsText(missed: readonly Gap[]): string {
  const shown = missed
    .slice(0, GAPS_SHOWN)
    .map(({ topic, partition, from, to }) => `${topic}/${partition} from offset ${from} to ${to}`)
  const more = missed.length - shown.length
  return shown.join(', ') + (more > 0 ? ` and ${amount(more, 'other partition')}` : '')
}

function topicChanged(job: string, { topic, changes }: CatalogPlan['changedTopics'][number]): RefusedError {
  return new RefusedError(
    'STORE_CHANGED',
    `Job ${job} cannot continue with its topic ${topic}: ${changes.join('; ')}. Records of the former kind may still be in ` +
      `the topic.\nChoose one:\n- Undo the change\n- Give the step a new name\n- Run "millrace reset ${job}" to compute ` +
      `everything from the start of the inputs`,
    { job, topic },
  )
}

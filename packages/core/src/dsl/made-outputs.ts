import type { PlanNode } from '../plan/node.ts'
import { stepsOf } from '../topology/steps.ts'
import type { OutputPlan } from './plan-value.ts'

/** An output that the program has made with `to(…)` or `effect(…)`. Outputs that read the same are one. */
interface MadeOutput {
  /** `to "orders"`. */
  readonly label: string
  /** The step before it. */
  readonly after: string
  /** The topics that it is computed from, by name. */
  readonly topics: readonly string[]
  /** Whether a job has it. */
  used: boolean
}

/**
 * Where a program keeps what its plans have made. The symbol is registered, so that all copies of this package share it. It
 * affects nothing but what `unusedOutputs` reports, and grows with the number of different outputs only.
 */
const MADE_OUTPUTS = Symbol.for('millrace.made-outputs')

/** Notes that an output was made. */
export function noteOutput(output: OutputPlan['node']): void {
  const made = describeOutput(output)
  const known = madeOutputs()
  const key = keyOf(made)
  if (!known.has(key)) known.set(key, made)
}

/** Notes that a job has these outputs. */
export function noteUse(outputs: readonly PlanNode[]): void {
  for (const output of outputs) {
    if (output.kind !== 'sink' && output.kind !== 'async') continue
    const made = describeOutput(output)
    madeOutputs().set(keyOf(made), { ...made, used: true })
  }
}

/**
 * One sentence for each output that this program has made and given to no job, so far: it writes nothing. With a job, only
 * those that are computed from a topic that the job reads.
 */
export function unusedOutputs(job?: { readonly outputs: readonly PlanNode[] }): string[] {
  const read = job === undefined ? undefined : new Set(topicsOf(job.outputs))
  return [...madeOutputs().values()]
    .filter(({ used, topics }) => !used && (read === undefined || topics.some((topic) => read.has(topic))))
    .map(({ label, after, topics }) => {
      const place =
        topics.length === 1 && after === `stream "${topics[0]}"` ? after : `${after}, from ${listOf(topics)}`
      return `The output ${label} (behind ${place}) belongs to no job, so it writes nothing. Pass it to job(…), or remove it`
    })
}

function madeOutputs(): Map<string, MadeOutput> {
  const known: unknown = Reflect.get(globalThis, MADE_OUTPUTS)
  if (known instanceof Map) return known
  const made = new Map<string, MadeOutput>()
  Reflect.set(globalThis, MADE_OUTPUTS, made)
  return made
}

function describeOutput(output: OutputPlan['node']): MadeOutput {
  const { label, inputs } = output
  return { label, after: inputs[0].label, topics: topicsOf([output]), used: false }
}

function topicsOf(outputs: readonly PlanNode[]): readonly string[] {
  return stepsOf(outputs)
    .flatMap((step) => (step.kind === 'source' || step.kind === 'globalSource' ? [step.topic.name] : []))
    .sort()
}

function keyOf({ label, after, topics }: MadeOutput): string {
  return JSON.stringify([label, after, topics])
}

function listOf(topics: readonly string[]): string {
  return topics.length === 1 ? `topic ${topics[0]}` : `topics ${topics.join(', ')}`
}

import type {
  InputDescription,
  JobDescription,
  StepChange,
  StepChanges,
  StepDescription,
  StoreSummary,
  SubtopologyDescription,
} from '@millrace/core'
import { durationText } from '@millrace/core/internal'

/** What the difference of a step is called if other steps are before it. */
const STEPS_BEFORE = 'steps before it'

/** A step with what identifies it in its job. */
interface NamedStep {
  readonly key: string
  /** How it is shown: its label, and for a step without a name what is before it. */
  readonly shown: string
  readonly step: StepDescription
  /** The nearest named steps and topics that its records come from. */
  readonly after: readonly string[]
  /** The steps between it and the topics and stores that its records come from, also behind repartitions. */
  readonly through: readonly string[]
}

/**
 * Compares the steps of two jobs. A step with a store is identified by the store's name, another named step by its label, and
 * a step without a name by its label and the nearest names before it: so a step that is put between two others changes neither.
 */
export function compareSteps(before: JobDescription, now: JobDescription): StepChanges {
  const [former, present] = [namedSteps(before), namedSteps(now)]
  const changed: StepChange[] = []
  for (const [key, { shown, ...is }] of present) {
    const was = former.get(key)
    const changes = was === undefined ? [] : changesOf(was, is)
    if (changes.length > 0) changed.push({ step: shown, store: is.step.stores?.[0]?.name ?? null, changes })
  }
  return {
    added: [...present.values()].flatMap(({ key, shown }) => (former.has(key) ? [] : [shown])),
    removed: [...former.values()].flatMap(({ key, shown }) => (present.has(key) ? [] : [shown])),
    changed,
  }
}

/** The stores whose records come through other steps than before. */
export function storesWithOtherSteps(steps: StepChanges | null): ReadonlySet<string> {
  const changed = steps?.changed.filter(({ changes }) => changes.some((text) => text.startsWith(STEPS_BEFORE))) ?? []
  return new Set(changed.flatMap(({ store }) => store ?? []))
}

function namedSteps(description: JobDescription): Map<string, NamedStep> {
  const { job, subtopologies } = description
  const steps = new Map<string, NamedStep>()
  for (const subtopology of subtopologies) {
    for (const step of subtopology.steps) {
      const after = namesBefore(job, subtopology, step)
      const [store] = step.stores ?? []
      const shown = isNamed(step) ? step.label : `${step.label} (after ${after.join(' and ')})`
      // Which of its cells is the first does not make a process step another one.
      const key = store === undefined || step.kind === 'process' ? shown : `store ${store.name}`
      let unique = key
      for (let number = 2; steps.has(unique); number++) unique = `${key} ${number}`
      steps.set(unique, { key: unique, shown, step, after, through: stepsBefore(description, step) })
    }
  }
  return steps
}

/** The nearest topics and named steps that a step's records come from, by name. */
function namesBefore(job: string, { inputs, steps }: SubtopologyDescription, step: StepDescription): string[] {
  const names = new Set<string>()
  const visit = ({ from }: StepDescription) => {
    for (const id of from) {
      const input = inputs.find((each) => each.id === id)
      const feeder = steps.find((each) => each.id === id)
      if (input !== undefined) names.add(inputName(job, input))
      else if (feeder === undefined) continue
      else if (isNamed(feeder)) names.add(feeder.label)
      else visit(feeder)
    }
  }
  visit(step)
  return [...names].sort()
}

function stepsBefore({ subtopologies }: JobDescription, step: StepDescription): string[] {
  const before = new Set<StepDescription>()
  const visit = (each: StepDescription) => {
    for (const id of each.from) {
      const input = subtopologies.flatMap(({ inputs }) => inputs).find((other) => other.id === id)
      const feeders = subtopologies
        .flatMap(({ steps }) => steps)
        .filter((other) => other.id === id || (other.kind === 'repartition' && other.to === input?.topic))
      for (const feeder of feeders) {
        if (before.has(feeder) || feeder.stores !== undefined) continue
        visit(feeder)
        before.add(feeder)
      }
    }
  }
  visit(step)
  return [...before].map(({ label }) => label)
}

/** The topic of a repartition has another name in each version of a job. */
function inputName(job: string, { topic, internal }: InputDescription): string {
  return internal ? `repartition "${topic.slice(job.length + 1, -'.repartition'.length)}"` : `topic ${topic}`
}

function isNamed({ label }: StepDescription): boolean {
  return label.includes('"')
}

/** A label without the name in it. */
function wordOf({ label }: StepDescription): string {
  return label.replace(/ ".*/, '')
}

type Compared = Omit<NamedStep, 'key' | 'shown'>

function changesOf(was: Compared, is: Compared): string[] {
  return [
    ...difference('step', wordOf(was.step), wordOf(is.step)),
    ...difference('after', was.after.join(' and '), is.after.join(' and ')),
    ...(isNamed(is.step) ? difference(STEPS_BEFORE, was.through.join(' → '), is.through.join(' → ')) : []),
    // One change of a step may change several of its stores in the same way.
    ...new Set(
      (is.step.stores ?? []).flatMap((store) =>
        storeChanges(
          was.step.stores?.find(({ name }) => name === store.name),
          store,
        ),
      ),
    ),
  ]
}

function storeChanges(was: StoreSummary | undefined, is: StoreSummary): string[] {
  if (was === undefined) return []
  return [
    ...difference('key serde', was.key, is.key),
    ...difference('value serde', was.value, is.value),
    ...difference('window size', durationOf(was.windowMs, 'none'), durationOf(is.windowMs, 'none')),
    ...difference('gap', durationOf(was.gapMs, 'none'), durationOf(is.gapMs, 'none')),
    ...difference('calendar', was.calendar ?? 'none', is.calendar ?? 'none'),
    ...difference('records', `${was.records ?? 'none'}`, `${is.records ?? 'none'}`),
    ...difference('rows at the top', `${was.topRows ?? 'none'}`, `${is.topRows ?? 'none'}`),
    ...difference('order of ranks', was.rankOrder ?? 'none', is.rankOrder ?? 'none'),
    ...difference('ttl', durationOf(was.ttlMs, 'none'), durationOf(is.ttlMs, 'none')),
    ...difference('retention', durationOf(was.retentionMs, 'for ever'), durationOf(is.retentionMs, 'for ever')),
    ...difference('view', was.view ? 'yes' : 'no', is.view ? 'yes' : 'no'),
  ]
}

function durationOf(ms: number | undefined, absent: string): string {
  return ms === undefined ? absent : durationText(ms)
}

function difference(what: string, was: string, is: string): string[] {
  return was === is ? [] : [`${what} ${was || 'none'}, now ${is || 'none'}`]
}

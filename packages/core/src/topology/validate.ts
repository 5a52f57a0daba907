import { RefusedError } from '../errors/millrace-error.ts'
import { isValidName } from '../names.ts'
import { asyncProblems } from '../plan/async-problems.ts'
import { cogroupProblems } from '../plan/cogroup-problems.ts'
import { dedupeProblems } from '../plan/dedupe-problems.ts'
import type { ErrorPolicies } from '../plan/error-policies.ts'
import { everyProblems } from '../plan/every-problems.ts'
import { foldProblems } from '../plan/fold-problems.ts'
import { joinProblems } from '../plan/join-problems.ts'
import type { PlanNode } from '../plan/node.ts'
import type { GlobalSourceNode, RepartitionNode, SourceNode } from '../plan/nodes/topic-nodes.ts'
import { orderProblems } from '../plan/order-problems.ts'
import { processProblems } from '../plan/process-problems.ts'
import { rowsProblems } from '../plan/rows-problems.ts'
import { startProblems } from '../plan/start-problems.ts'
import { viewedStore } from '../plan/step-parts.ts'
import { tableJoinProblems } from '../plan/table-join-problems.ts'
import { topProblems } from '../plan/top-problems.ts'
import type { TopicPlan } from '../plan/topic-plan.ts'
import { windowProblems } from '../plan/window-problems.ts'
import { isKeyless } from '../serdes/no-key.ts'
import { isVersioned } from '../serdes/serde-versions.ts'
import { jobVersion, versionedName } from '../versioned-name.ts'
import { feedbackProblems } from './feedback.ts'
import { catalogTopic, changelogTopic, deadLetterTopics, repartitionTopic, stepsOf } from './steps.ts'

/** What a job is made of, as validation sees it. */
interface Draft {
  readonly name: string
  readonly outputs: readonly (PlanNode | undefined)[]
  readonly steps: readonly PlanNode[]
  readonly errors: ErrorPolicies
}

/** The outputs of a job that can run. Throws `JOB_INVALID` with every problem at once. */
export function checkJob(
  job: { readonly name: string; readonly version: number },
  outputs: readonly (PlanNode | undefined)[],
  errors: ErrorPolicies,
): readonly PlanNode[] {
  const valid = outputs.filter((output) => output !== undefined)
  const name = versionedName(job)
  const draft = { name, outputs, steps: stepsOf(valid), errors }
  throwProblems(name, [
    ...versionProblems(job),
    ...nameProblems(draft),
    ...outputProblems(draft),
    ...sourceProblems(draft),
    ...startProblems(draft.steps),
    ...storeProblems(draft),
    ...repartitionProblems(draft),
    ...keyProblems(draft),
    ...draft.steps.flatMap(windowProblems),
    ...draft.steps.flatMap(joinProblems),
    ...draft.steps.flatMap(rowsProblems),
    ...draft.steps.flatMap(tableJoinProblems),
    ...draft.steps.flatMap(foldProblems),
    ...draft.steps.flatMap(cogroupProblems),
    ...draft.steps.flatMap(dedupeProblems),
    ...draft.steps.flatMap(orderProblems),
    ...draft.steps.flatMap(everyProblems),
    ...draft.steps.flatMap(topProblems),
    ...draft.steps.flatMap(processProblems),
    ...draft.steps.flatMap(asyncProblems),
    ...cycleProblems(draft),
    ...feedbackProblems(valid),
  ])
  return valid
}

/** Throws `JOB_INVALID` with all problems, if there are any. */
export function throwProblems(job: string, problems: readonly string[]): void {
  if (problems.length === 0) return
  const list = problems.map((problem) => `\n- ${problem}`).join('')
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  throw new RefusedError(
    'JOB_INVALID',
    `Job ${JSON.stringify(job)} cannot run as it is written. It has ${count}:${list}`,
    { job },
  )
}

function versionProblems({ name, version }: { readonly name: string; readonly version: number }): string[] {
  const problems =
    Number.isSafeInteger(version) && version >= 1
      ? []
      : [`The version cannot be ${version}. Give a whole number, at least 1`]
  const other = jobVersion(String(name))
  if (other.job === name) return problems
  return [
    ...problems,
    `The name is that of version ${other.version} of job ${other.job}. Choose another name, or use .withVersion(${other.version})`,
  ]
}

const NAME_RULE =
  'A name starts with a letter or digit, continues with letters, digits, ".", "_" or "-", and has at most 201 characters'

function nameProblems({ name, steps, errors }: Draft): string[] {
  const names = [
    // A bad job name makes bad topic names: one problem.
    isValidName(name) ? { what: "job's changelog", name: changelogTopic(name) } : { what: 'job', name },
    ...steps.flatMap((step) => stepNames(name, step)),
    ...deadLetterTopics(errors, steps).map((topic) => ({ what: 'dead-letter topic', name: topic })),
  ]
  const problems = names.flatMap((each) =>
    isValidName(each.name)
      ? []
      : [`Text ${JSON.stringify(each.name)} is not a valid name for a ${each.what}. ${NAME_RULE}`],
  )
  return [...new Set(problems)]
}

function stepNames(job: string, step: PlanNode): { what: string; name: string }[] {
  if (isRead(step)) return [{ what: 'topic', name: step.topic.name }]
  if (step.kind === 'sink') return 'choose' in step.topic ? [] : [{ what: 'topic', name: step.topic.name }]
  if (step.kind === 'repartition') {
    return [{ what: 'repartition topic', name: isValidName(job) ? repartitionTopic(job, step.name) : step.name }]
  }
  return step.stores.map((store) => ({ what: 'store', name: store.name }))
}

function outputProblems({ outputs }: Draft): string[] {
  if (outputs.length === 0)
    return ['The job has no outputs. Give it a table to view, or a stream that ends in .to(topic) or .effect(…)']
  return outputs.flatMap((output, index) => {
    if (output === undefined) {
      return [
        `Output ${index + 1} is neither a table nor a stream that ends in .to(topic) or .effect(…). Only these can be outputs`,
      ]
    }
    if (output.kind === 'sink' || output.kind === 'async' || viewedStore(output) !== undefined) return []
    const example = `${output.word}(…, { name: 'my-view' })`
    return [`Step ${output.label} is an output, but it does not keep its rows. Give it a name, as in ${example}`]
  })
}

function sourceProblems({ name, steps }: Draft): string[] {
  const first = new Map<string, SourceNode | GlobalSourceNode>()
  const own = ownTopics(name, steps)
  return steps.flatMap((step) => {
    if (!isRead(step)) return []
    const { topic } = step
    if (own.has(topic.name)) return [`Step ${step.label} reads a topic of the job's own. Read another topic`]
    const problems: string[] = []
    if (!(topic.aheadMaxMs >= 0)) {
      problems.push(
        `Topic ${topic.name} has no usable aheadMax. It must be a duration such as '1h' or '1d', or 'unlimited'`,
      )
    }
    const known = first.get(topic.name)
    if (known === undefined) first.set(topic.name, step)
    else if (!readAlike(known.topic, topic)) {
      problems.push(
        `Topic ${topic.name} is read by two definitions that differ in serdes, timestamp or aheadMax. Define it once, and ` +
          'use that definition',
      )
    }
    return problems
  })
}

function isRead(step: PlanNode): step is SourceNode | GlobalSourceNode {
  return step.kind === 'source' || step.kind === 'globalSource'
}

function readAlike(a: TopicPlan, b: TopicPlan): boolean {
  return a.key === b.key && a.value === b.value && a.timestamp === b.timestamp && a.aheadMaxMs === b.aheadMaxMs
}

function storeProblems({ steps }: Draft): string[] {
  const byName = new Map<string, PlanNode[]>()
  for (const step of steps) {
    for (const { name } of step.stores) byName.set(name, [...(byName.get(name) ?? []), step])
  }
  return [...byName].flatMap(([name, sharing]) =>
    sharing.length === 1
      ? []
      : [`Store ${name} is kept by ${sharing.length} steps: ${labels(sharing)}. Rename all but one of them`],
  )
}

function repartitionProblems({ steps }: Draft): string[] {
  const byName = new Map<string, RepartitionNode[]>()
  const problems: string[] = []
  for (const step of steps) {
    if (step.kind !== 'repartition') continue
    byName.set(step.name, [...(byName.get(step.name) ?? []), step])
    const { partitions } = step
    if (partitions !== undefined && !(Number.isSafeInteger(partitions) && partitions >= 1)) {
      problems.push(`Step ${step.label} cannot have ${partitions} partitions. Give a whole number, at least 1`)
    }
  }
  for (const [name, sharing] of byName) {
    if (sharing.length === 1) continue
    problems.push(
      `Repartition topic ${name} has ${sharing.length} steps that send records through it. Rename all but one (a store's own ` +
        "topic has the store's name)",
    )
  }
  return problems
}

/** The compiler rejects such steps; a job in JavaScript has no compiler. */
function keyProblems({ steps }: Draft): string[] {
  return steps.flatMap((step) => {
    const keys = step.kind === 'repartition' ? [step.key] : step.stores.map(({ key }) => key)
    if (keys.some(isKeyless)) {
      return [`Step ${step.label} works by key, but its records have none. Choose a key with groupBy or keyBy first`]
    }
    const versioned = keys.find(({ name }) => isVersioned(name))
    if (versioned === undefined) return []
    return [
      `Step ${step.label} has keys of serde ${versioned.name}, which has versions: equal keys would have different bytes. ` +
        'Give keys a serde without versions',
    ]
  })
}

/** A job that writes what it reads would feed itself without end. */
function cycleProblems({ name, steps, errors }: Draft): string[] {
  const read = new Set(steps.flatMap((step) => (isRead(step) ? [step.topic.name] : [])))
  const own = ownTopics(name, steps)
  const check = (label: string, topic: string) => {
    if (own.has(topic)) return [`${label} writes ${topic}, a topic of the job's own. Write to another topic`]
    if (!read.has(topic)) return []
    return [`${label} writes ${topic}, which the job also reads. Write to another topic, or read it in another job`]
  }
  return [
    ...steps.flatMap((step) =>
      step.kind === 'sink' && !('choose' in step.topic) ? check(`Step ${step.label}`, step.topic.name) : [],
    ),
    ...deadLetterTopics(errors, steps).flatMap((topic) => check('The policy onError', topic)),
  ]
}

/** The topics that the job makes for itself. */
function ownTopics(job: string, steps: readonly PlanNode[]): ReadonlySet<string> {
  const repartitions = steps.flatMap((step) => (step.kind === 'repartition' ? [repartitionTopic(job, step.name)] : []))
  return new Set([changelogTopic(job), catalogTopic(job), ...repartitions])
}

function labels(steps: readonly PlanNode[]): string {
  return steps.map((step) => step.label).join(', ')
}

import type { JobDescription, StepDescription, SubtopologyDescription } from './job-description.ts'

/** A job as a Mermaid flowchart. Every label is quoted and escaped, and every id is made of letters and digits. */
export function describeAsMermaid(job: JobDescription): string {
  const topics = new TopicNodes()
  const groups = job.subtopologies.flatMap((each, index) => subgraph(each, index, topics))
  return ['flowchart TD', ...topics.lines, ...groups].join('\n')
}

/** Topics stand outside the subtopologies, once each, however many subtopologies read and write them. */
class TopicNodes {
  readonly #ids = new Map<string, string>()

  id(topic: string): string {
    const id = this.#ids.get(topic) ?? `t${this.#ids.size}`
    this.#ids.set(topic, id)
    return id
  }

  get lines(): string[] {
    return [...this.#ids].map(([topic, id]) => `  ${id}[/${quoted(topic)}/]`)
  }
}

function subgraph({ id, inputs, steps }: SubtopologyDescription, index: number, topics: TopicNodes): string[] {
  const nodeIds = new Map(steps.map((step, number) => [step.id, `s${index}n${number}`]))
  for (const input of inputs) nodeIds.set(input.id, topics.id(input.topic))
  const own = (stepId: string) => nodeIds.get(stepId) ?? stepId
  const inside = steps.flatMap((step) => [
    `    ${own(step.id)}[${quoted(step.label)}]`,
    ...storeLines(step, own(step.id)),
  ])
  const edges = steps.flatMap((step) => [
    ...step.from.map((from) => `  ${own(from)} --> ${own(step.id)}`),
    ...(step.to === undefined ? [] : [`  ${own(step.id)} --> ${topics.id(step.to)}`]),
  ])
  return [`  subgraph g${index}[${quoted(id)}]`, ...inside, '  end', ...edges]
}

function storeLines({ stores = [] }: StepDescription, stepId: string): string[] {
  return stores.flatMap(({ view, name }, index) => {
    const label = quoted(`${view ? 'view' : 'store'} ${name}`)
    const id = `${stepId}s${index === 0 ? '' : index}`
    return [`    ${id}[(${label})]`, `    ${stepId} -.- ${id}`]
  })
}

/** Between quotes Mermaid takes anything except a quote. It reads `#…;` as a character, and tags as HTML. */
function quoted(text: string): string {
  const escaped = text.replaceAll('#', '#35;').replaceAll('"', '#quot;').replaceAll('<', '#lt;').replaceAll('>', '#gt;')
  return `"${escaped}"`
}

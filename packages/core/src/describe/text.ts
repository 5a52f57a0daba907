import { durationText } from './duration-text.ts'
import type {
  InputDescription,
  JobDescription,
  StepDescription,
  StoreSummary,
  SubtopologyDescription,
} from './job-description.ts'

/** A job as a tree for the terminal: each subtopology with its topics, steps, stores and views. */
export function describeAsText(job: JobDescription): string {
  return [`job ${job.job}`, ...job.subtopologies.flatMap(subtopologyLines), `changelog ${job.changelog}`].join('\n')
}

function subtopologyLines({ id, inputs, steps }: SubtopologyDescription): string[] {
  const shown = new Set<string>()
  const below = (from: string, indent: string): string[] => {
    const followers = steps.filter((step) => step.from.includes(from))
    return followers.flatMap((step, index) => {
      const last = index === followers.length - 1
      const line = `${indent}${last ? '└─' : '├─'} ${stepText(step)}`
      // A merge stands below each of its inputs; the steps after it are printed once.
      if (shown.has(step.id)) return [`${line} (as above)`]
      shown.add(step.id)
      return [line, ...below(step.id, `${indent}${last ? '   ' : '│  '}`)]
    })
  }
  return [
    `  subtopology ${id}`,
    ...inputs.flatMap((input) => [`    ${inputText(input)}`, ...below(input.id, '    ')]),
    '',
  ]
}

function inputText({ topic, key, value, internal, start, bootstrap, global }: InputDescription): string {
  const from = start === undefined ? '' : ` from ${start}`
  return `${internal ? 'repartition topic' : global ? 'global table of topic' : 'topic'} ${topic} (${key} → ${value})${from}${bootstrap ? ', first' : ''}`
}

function stepText({ label, kind, to, stores = [] }: StepDescription): string {
  const target = kind === 'repartition' && to !== undefined ? ` → ${to}` : ''
  return `${label}${target}${stores.map((store) => `  [${storeText(store)}]`).join('')}`
}

function storeText(store: StoreSummary): string {
  const { name, key, value, ttlMs, retentionMs, topRows, rankOrder, view } = store
  const kept = retentionMs === undefined ? '' : ` kept ${durationText(retentionMs)}`
  const top = topRows === undefined ? '' : `, the first ${topRows} ${rankOrder}`
  const rows = ttlMs === undefined ? '' : `, rows for ${durationText(ttlMs)}`
  return `${view ? 'view' : 'store'} ${name}: ${key} → ${value}${windowsText(store)}${top}${rows}${kept}`
}

function windowsText({ windowMs, gapMs, calendar, records }: StoreSummary): string {
  if (calendar !== undefined) return `, windows of a ${calendar}`
  if (records !== undefined) return `, windows of ${records} records`
  if (gapMs !== undefined) return `, sessions with a gap of ${durationText(gapMs)}`
  return windowMs === undefined ? '' : `, windows of ${durationText(windowMs)}`
}

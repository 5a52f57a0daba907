import type { Job } from '../dsl/job.ts'
import { describeJob, type JobDescription } from './job-description.ts'
import { describeAsMermaid } from './mermaid.ts'
import { describeAsText } from './text.ts'

/**
 * What a job is made of: its subtopologies with their topics, steps, stores and views. As a tree for the terminal
 * (`text`), as plain data (`json`), or as a flowchart in Mermaid's language (`mermaid`).
 *
 * ```ts
 * console.log(describe(flightDelays))
 * ```
 */
export function describe(job: Job, format?: 'text' | 'mermaid'): string
export function describe(job: Job, format: 'json'): JobDescription
export function describe(job: Job, format: 'text' | 'json' | 'mermaid' = 'text'): string | JobDescription {
  const description = describeJob(job)
  if (format === 'json') return description
  return format === 'text' ? describeAsText(description) : describeAsMermaid(description)
}

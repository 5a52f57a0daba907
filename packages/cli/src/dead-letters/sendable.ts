import type { Headers } from '@millrace/core'
import { type DeadLetter, type FailedInput, readDeadLetter, repartitionTopic } from '@millrace/core/internal'

/** A record of a topic of dead letters, as `resend` sees it. */
export type Letter =
  /** The record can be sent again, with these headers. */
  | { readonly letter: DeadLetter; readonly input: FailedInput; readonly headers: Headers; readonly refusal?: never }
  /** It can never be sent again. */
  | { readonly letter: DeadLetter | undefined; readonly refusal: string }

/** What the headers of a record state about it as a dead letter. */
export function letterOf(headers: Headers): Letter {
  const letter = readDeadLetter(headers)
  const refusal = refusalOf(letter)
  if (letter?.input === undefined || refusal !== undefined) return { letter, refusal: refusal ?? NOT_OF_A_JOB }
  return { letter, input: letter.input, headers: letter.headers }
}

const NOT_OF_A_JOB = 'it does not state in which topic a job read it'

function refusalOf(letter: DeadLetter | undefined): string | undefined {
  if (letter === undefined) return 'it is not a dead letter'
  const { job, input, result } = letter
  if (result !== undefined) return `it is a result that time emitted (${result.of}), and not a record of a topic`
  if (input === undefined) return NOT_OF_A_JOB
  if (job !== undefined && isRepartition(job, input.topic)) {
    return `its record came from ${input.topic}, which belongs to the job: only the job may write there`
  }
  return undefined
}

function isRepartition(job: string, topic: string): boolean {
  const [before = '', behind = ''] = repartitionTopic(job, '\0').split('\0')
  return topic.startsWith(before) && topic.endsWith(behind)
}

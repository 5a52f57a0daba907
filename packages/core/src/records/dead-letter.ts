import type { Header, Headers } from '../headers.ts'

/** Where the headers of a dead letter begin that describe the failure: they follow those that the record had. */
const FIRST = 'millrace.error'
/** The longest text of a header, characters: a callback may put the whole record into its message. */
const TEXT_LENGTH_MAX = 4096

/** Why a record or a result became a dead letter, and where it comes from. What is not known is left out. */
export interface DeadLetter {
  /** The error's code. */
  readonly error: string
  readonly message: string
  /** What a callback or a serde threw: `TypeError: …`. */
  readonly cause?: string
  /** The job, with its version: see `versionedName`. */
  readonly job?: string
  /** The step that failed, as the user wrote it: `mapValues`, `aggregate "delays"`. */
  readonly step?: string
  /** Where the record was read; absent for a result of time. */
  readonly input?: FailedInput
  /** The result that time emitted; absent for a record. */
  readonly result?: FailedResult
}

/** Where a record was read. */
export interface FailedInput {
  readonly topic: string
  /** Which of the topics that may have had this name. */
  readonly topicId?: string
  readonly partition: number
  readonly offset: number
}

/** A result that time emitted, and for which a step failed. */
export interface FailedResult {
  /** The step whose result it is. */
  readonly of: string
  /** The key, as JSON; without its window. */
  readonly key: string
  /** The key's window, as JSON; absent if the key has none. */
  readonly window?: string
}

/** The headers that describe a dead letter, to follow those of its record. */
export function deadLetterHeaders({ error, message, cause, job, step, input, result }: DeadLetter): readonly Header[] {
  return [
    header(FIRST, error),
    header('millrace.message', message),
    ...known('millrace.cause', cause),
    ...known('millrace.job', job),
    ...known('millrace.step', step),
    ...known('millrace.topic', input?.topic),
    ...known('millrace.topic-id', input?.topicId),
    ...known('millrace.partition', input?.partition),
    ...known('millrace.offset', input?.offset),
    ...known('millrace.result-of', result?.of),
    ...known('millrace.key', result?.key),
    ...known('millrace.window', result?.window),
  ]
}

/**
 * What the headers of a dead letter state, and the headers that its record had. Undefined for any other record. A dead letter of a dead
 * letter has the headers of both: the last ones count.
 */
export function readDeadLetter(headers: Headers): (DeadLetter & { readonly headers: Headers }) | undefined {
  const first = headers.findLastIndex(([name]) => name === FIRST)
  if (first < 0) return undefined
  const stated = new Map(headers.slice(first).map(([name, value]) => [name, text(value)]))
  const [cause, job, step] = ['cause', 'job', 'step'].map((name) => stated.get(`millrace.${name}`))
  const input = inputOf(stated)
  const result = resultOf(stated)
  return {
    error: stated.get(FIRST) ?? '',
    message: stated.get('millrace.message') ?? '',
    ...(cause !== undefined && { cause }),
    ...(job !== undefined && { job }),
    ...(step !== undefined && { step }),
    ...(input !== undefined && { input }),
    ...(result !== undefined && { result }),
    headers: headers.slice(0, first),
  }
}

function inputOf(stated: ReadonlyMap<string, string>): DeadLetter['input'] {
  const topic = stated.get('millrace.topic')
  const partition = Number(stated.get('millrace.partition'))
  const offset = Number(stated.get('millrace.offset'))
  if (topic === undefined || !Number.isSafeInteger(partition) || !Number.isSafeInteger(offset)) return undefined
  const topicId = stated.get('millrace.topic-id')
  return { topic, ...(topicId !== undefined && { topicId }), partition, offset }
}

function resultOf(stated: ReadonlyMap<string, string>): FailedResult | undefined {
  const of = stated.get('millrace.result-of')
  if (of === undefined) return undefined
  const window = stated.get('millrace.window')
  return { of, key: stated.get('millrace.key') ?? '', ...(window !== undefined && { window }) }
}

function known(name: string, value: string | number | undefined): Header[] {
  return value === undefined ? [] : [header(name, String(value))]
}

function header(name: string, value: string): Header {
  const short = value.length > TEXT_LENGTH_MAX ? `${value.slice(0, TEXT_LENGTH_MAX)}…` : value
  return [name, Buffer.from(short.toWellFormed())]
}

function text(value: Uint8Array | null): string {
  return value === null ? '' : Buffer.from(value).toString()
}

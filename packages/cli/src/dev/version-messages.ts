import type { JobPlan, JobStatus, RestoreProgress } from '@millrace/core'

/** What a version of a job is started with, once its author has agreed to what is lost. */
export interface StartOrder {
  readonly kind: 'start'
  /** The stores that may start empty. */
  readonly acceptLoss: readonly string[]
  /** Whether everything that the job has computed is deleted first. */
  readonly reset: boolean
}

/** What the command sends to the process of a version. */
export type MessageToVersion = StartOrder | { readonly kind: 'stop' }

/** A version that is loaded, and what its start would mean. */
export interface LoadedVersion {
  readonly kind: 'loaded'
  readonly plan: JobPlan
  readonly views: readonly string[]
  /** The topics that it appends to. */
  readonly topics: readonly string[]
  /** The topics that were missing, and have been created. */
  readonly createdTopics: readonly { readonly name: string; readonly partitions: number }[]
  /** What its author should know, one line each. */
  readonly notes: readonly string[]
}

/** A record, or a change of a view, for one line. */
export interface OutputLine {
  readonly key: string
  /** Empty if there is no window. */
  readonly window: string
  /** Null if the entry was deleted, or the record has no value. */
  readonly value: string | null
}

/** What a view or a topic has got since the last report. */
export interface OutputReport {
  readonly kind: 'output'
  readonly of: 'view' | 'topic'
  readonly name: string
  readonly lines: readonly OutputLine[]
  /** At least so many more are not shown, since there were too many. */
  readonly more: number
}

/** What the process of a version sends to the command. */
export type MessageFromVersion =
  | LoadedVersion
  | { readonly kind: 'running'; readonly url: string; readonly notes: readonly string[] }
  | { readonly kind: 'restoring'; readonly progress: RestoreProgress }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'status'; readonly status: JobStatus }
  | OutputReport
  | { readonly kind: 'failed'; readonly error: { readonly code: string; readonly message: string } }

const KINDS: readonly unknown[] = ['loaded', 'restoring', 'running', 'note', 'status', 'output', 'failed']

/** Whether a message is one of these: a job may send its own messages to its parent. */
export function isFromVersion(message: unknown): message is MessageFromVersion {
  return typeof message === 'object' && message !== null && 'kind' in message && KINDS.includes(message.kind)
}

/** Whether a message is one of those that the command sends. */
export function isToVersion(message: unknown): message is MessageToVersion {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return false
  return message.kind === 'start' || message.kind === 'stop'
}

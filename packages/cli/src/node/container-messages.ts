import type { ContainerReport } from '@millrace/runtime'

/** What a node sends to a container: that it commits and ends. */
export const STOP = 'stop'

/** What a container sends to the node that started it; `failed` is the last message of one that ends with an error. */
export type MessageToNode =
  | ContainerReport
  | { readonly kind: 'failed'; readonly error: { readonly code: string; readonly message: string } }

/**
 * Set in the environment of a container that a node has started: the channel of the process leads to that node. Other programs,
 * such as process managers, open a channel too.
 */
export const CHANNEL_VARIABLE = 'MILLRACE_CHANNEL'

const KINDS: readonly unknown[] = ['waiting', 'restoring', 'running', 'status', 'finished', 'planned', 'line', 'failed']

/** Whether a message is one of these: a job may send its own messages to its parent. */
export function isReport(message: unknown): message is MessageToNode {
  return typeof message === 'object' && message !== null && 'kind' in message && KINDS.includes(message.kind)
}

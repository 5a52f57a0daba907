import type { Timers } from '@millrace/core'
import type { Node } from './node.ts'

/** What a node's server answers from. */
export interface NodeSources {
  readonly node: Node
  /** What `GET /node` answers. */
  readonly about: () => object
  readonly timers: Timers
  /** How long a container may be silent to which a request was passed on. */
  readonly forwardSilenceMsMax: number
  /** Aborts when the server closes. */
  readonly closing: AbortSignal
}

import type { DataOptions } from '../data-option.ts'

/** What a version is started with. */
export interface VersionOptions extends DataOptions {
  readonly check: boolean
  readonly port: number
  readonly allowOrigin: readonly string[]
  readonly acceptLoss: readonly string[]
  readonly quiet?: boolean
  readonly view: readonly string[]
  readonly topic: readonly string[]
}

import { RefusedError } from '@millrace/core'
import {
  durationText,
  readsSerde,
  type StoreDescription,
  type StoreShape,
  storeKeyName,
  windowMsOf,
} from '@millrace/core/internal'

/** The version of the layout of keys and values in LevelDB; a state with another version is rebuilt. */
export const FORMAT_VERSION = 3
/** The key of the identity record. No store's key begins with a zero byte, because no store name does. */
export const IDENTITY_KEY = Buffer.from('\0identity')

/** What wrote a store's entries, and so what can read them. */
export interface StoreIdentity {
  /** The version of the layout of keys and values, also in the changelog. */
  readonly version: number
  readonly key: string
  readonly value: string
  readonly shape: StoreShape['kind']
  /** The serde of the order of a sorted store; else null. */
  readonly order: string | null
  /** Null unless all windows have the same size. */
  readonly windowMs: number | null
  readonly timed: boolean
}

/** The job and task that a directory's state belongs to. */
export interface StateIdentity {
  readonly version: number
  readonly job: string
  readonly task: string
  readonly inputs: readonly string[]
  /** By the prefix of their keys. */
  readonly stores: Readonly<Record<string, StoreIdentity>>
}

export function storeIdentity(store: StoreDescription): StoreIdentity {
  return {
    version: FORMAT_VERSION,
    key: store.key.name,
    value: store.value.name,
    shape: store.shape.kind,
    order: store.shape.kind === 'sorted' ? store.shape.order.name : null,
    windowMs: windowMsOf(store.shape) ?? null,
    timed: store.timed,
  }
}

export function stateIdentity(
  job: string,
  task: string,
  stores: readonly StoreDescription[],
  inputs: readonly string[],
): StateIdentity {
  const byName = [...stores].sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    version: FORMAT_VERSION,
    job,
    task,
    inputs: [...inputs].sort(),
    stores: Object.fromEntries(byName.map((store) => [storeKeyName(store), storeIdentity(store)])),
  }
}

/** Why a state of identity `found` cannot be used as `wanted`; undefined if it can. */
export function identityDifference(found: StateIdentity, wanted: StateIdentity): string | undefined {
  if (found.version !== wanted.version) return `it has format version ${found.version}, not ${wanted.version}`
  if (found.job !== wanted.job || found.task !== wanted.task) return `it belongs to ${found.job}, task ${found.task}`
  // Entries and checkpoints of a store or input that was unknown until now were skipped when the changelog was read.
  const names = Object.keys(wanted.stores)
  if (Object.keys(found.stores).join() !== names.join()) {
    return `its stores were ${listed(Object.keys(found.stores))}, and are now ${listed(names)}`
  }
  if (found.inputs.join() !== wanted.inputs.join()) {
    return `its inputs were ${listed(found.inputs)}, and are now ${listed(wanted.inputs)}`
  }
  return undefined
}

/**
 * Throws `STATE_SERDE_CHANGED` if a store's entries were not written by what would read them, and `DATA_VERSION` if another
 * version of Millrace laid them out.
 */
export function checkStore(name: string, found: StoreIdentity, wanted: StoreIdentity, job: string, task: string): void {
  if (found.version !== wanted.version) {
    throw new RefusedError(
      'DATA_VERSION',
      `The changelog of job ${job} holds store ${name} in layout version ${found.version ?? 'before 3'}, and this Millrace reads ` +
        `version ${wanted.version}. Use the Millrace that wrote it, or run "millrace reset ${job}" to ` +
        `compute everything from the start of the inputs`,
      { job, task, store: name },
    )
  }
  const changes = [
    found.key === wanted.key ? [] : `keys by '${found.key}', now '${wanted.key}'`,
    readsSerde(wanted.value, found.value) ? [] : `values by '${found.value}', now '${wanted.value}'`,
    found.timed === wanted.timed ? [] : `values ${timeText(found)} times, now ${timeText(wanted)}`,
    shapeText(found) === shapeText(wanted) ? [] : `${shapeText(found)}, now ${shapeText(wanted)}`,
  ].flat()
  if (changes.length === 0) return
  throw new RefusedError(
    'STATE_SERDE_CHANGED',
    `Store ${name} of job ${job} cannot be read, because it was written in another way: ${changes.join('; ')}. Restore ` +
      `the former serde and window. Or give the step a new name, which makes a new store. Or run "millrace reset ${job}" to compute everything ` +
      'from the start of the inputs',
    { job, task, store: name },
  )
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ')
}

function timeText({ timed }: StoreIdentity): string {
  return timed ? 'with' : 'without'
}

function shapeText({ shape, order, windowMs }: StoreIdentity): string {
  if (shape === 'sorted') return `entries sorted by '${order}'`
  return windowMs === null ? `entries by ${shape}` : `entries by ${shape} of ${durationText(windowMs)}`
}

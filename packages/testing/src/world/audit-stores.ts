import { openFileLog } from '@millrace/connectors/file'
import type { Log } from '@millrace/core'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { CHANGELOG, DATA, eachChange, storedText } from './audit.ts'
import { hold } from './invariants.ts'
import type { Scenario } from './scenario.ts'
import { NOT_SET_BACK, readSetBack, type SetBackState } from './set-back.ts'

export const CHECKSUM_BYTES = 4
/** Where a task's state may be: in its directory, or beside it if that is a standby, or if a stopped process held the directory. */
export const COPIES = ['', '.2', '.3', '.4', '.5', '.6', '.7', '.8']
/** The store of each subtopology's tasks. */
const STORES = { orders: 'windows', 'orders.totals.repartition': 'totals' } as const

/** What a directory holds, by key as Latin-1; undefined if it holds nothing, or nothing that can be opened. */
export type ContentOf = (directory: string) => ReadonlyMap<string, Buffer> | undefined

/** The local stores that a world has at the end. */
export interface LeftStores {
  readonly contentOf: ContentOf
  /** Whether one store of each task must be at the end of its changelog. */
  readonly complete: boolean
}

/**
 * Compares every store of a task that is at the end of its changelog with that changelog. What a store at an earlier position
 * should hold is not known any more: the changelog is compacted.
 */
export async function auditStores(
  process: SimulatedProcess,
  partitions: number,
  { contentOf, complete }: LeftStores,
): Promise<void> {
  const log = await openFileLog({ directory: DATA, env: process.env })
  for (let partition = 0; partition < partitions; partition++) {
    for (const [subtopology, store] of Object.entries(STORES)) {
      const task = `${subtopology}-${partition}`
      const { wanted, nextOffset } = await storeInChangelog(log, partition, store)
      let current = false
      for (const copy of COPIES) {
        const content = contentOf(`${DATA}/state/orders/${task}${copy}`)
        if (content === undefined || positionIn(content) < nextOffset) continue
        const stored = textOf(content, store)
        hold('state is the fold of the changelog', stored === wanted, () => {
          return `task ${task}${copy} holds ${stored}; its changelog ${wanted}`
        })
        current = true
      }
      hold('state is the fold of the changelog', current || !complete, () => {
        return `no store of task ${task} has come to offset ${nextOffset} of its changelog`
      })
    }
  }
  await log.close()
}

/**
 * Compares the stores as they are, whatever happened last, with the changelog up to the position of each: entries and input
 * positions. For a changelog that has all its records.
 */
export async function auditStoresAmid(
  process: SimulatedProcess,
  { partitions, nodeSteps }: Scenario,
  contentOf: ContentOf,
): Promise<void> {
  const before = await setBackAt(process, nodeSteps)
  // Before the next `await`: then the log has what a store has.
  const stores = [...Array(partitions).keys()].flatMap((partition) =>
    Object.entries(STORES).flatMap(([input, store]) =>
      COPIES.flatMap((copy) => {
        const task = `${input}-${partition}${copy}`
        const content = contentOf(`${DATA}/state/orders/${task}`)
        return content === undefined ? [] : [{ partition, input, store, task, content }]
      }),
    ),
  )
  const log = await openFileLog({ directory: DATA, env: process.env })
  const checks: (() => void)[] = []
  for (const { partition, input, store, task, content } of stores) {
    const position = positionIn(content)
    // What comes after another container's open transaction cannot be read yet.
    if ((await log.admin.offsets(CHANGELOG, partition)).end < position) continue
    const { wanted, checkpoint } = await storeInChangelog(log, partition, store, input, position)
    const stored = textOf(content, store)
    const offset = offsetIn(content, input)
    checks.push(() => {
      hold('state is the fold of the changelog', stored === wanted, () => {
        return `amid the run task ${task} holds ${stored} at offset ${position}; its changelog ${wanted}`
      })
      hold('state is the fold of the changelog', offset === checkpoint, () => {
        return `amid the run task ${task} stands at ${input}@${offset}; its changelog, up to ${position}, at ${checkpoint}`
      })
    })
  }
  await log.close()
  const after = await setBackAt(process, nodeSteps)
  // While a job is set back, its stores and its changelog are those of two moments.
  if (before.isUnfinished || after.isUnfinished || before.id !== after.id) return
  for (const check of checks) check()
}

/** Whether, and from where, the job was set back by now; without a node it never is. */
async function setBackAt(process: SimulatedProcess, nodeSteps: Scenario['nodeSteps']): Promise<SetBackState> {
  if (nodeSteps === undefined) return NOT_SET_BACK
  const log = await openFileLog({ directory: DATA, env: process.env })
  try {
    return await readSetBack(log)
  } finally {
    await log.close()
  }
}

/**
 * What a store should hold of the changelog before an offset, the offset after which it has all of it, and its input's
 * position.
 */
async function storeInChangelog(
  log: Log,
  partition: number,
  store: string,
  input = '',
  before = Number.POSITIVE_INFINITY,
) {
  const latest = new Map<string, string>()
  let nextOffset = 0
  let checkpoint = 0
  await eachChange(log, partition, (key, value, offset) => {
    if (offset >= before) return
    if (key === `\0${input}` && value !== null) checkpoint = JSON.parse(value).offset
    if (!key.startsWith(`${store}\0`)) return
    nextOffset = offset + 1
    if (value === null) latest.delete(key)
    else latest.set(key, value)
  })
  return { wanted: JSON.stringify([...latest].sort()), nextOffset, checkpoint }
}

function textOf(content: ReadonlyMap<string, Buffer>, store: string): string {
  const entries = [...content].filter(([key]) => key.startsWith(`${store}\0`))
  const texts = entries.map(([key, value]) => [key, storedText(key, value, CHECKSUM_BYTES, value.length)])
  return JSON.stringify(texts.sort())
}

/** Up to which offset of its input a store has the effects. */
function offsetIn(content: ReadonlyMap<string, Buffer>, input: string): number {
  const record = content.get('\0position')
  if (record === undefined) return 0
  const { inputs } = JSON.parse(record.toString('utf8', CHECKSUM_BYTES)) as { inputs: [string, { offset: number }][] }
  return new Map(inputs).get(input)?.offset ?? 0
}

/** Before which offset of the changelog a store has everything; 0 if it was just made. */
export function positionIn(content: ReadonlyMap<string, Buffer>): number {
  const record = content.get('\0position')
  return record === undefined ? 0 : JSON.parse(record.toString('utf8', CHECKSUM_BYTES)).nextOffset
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeEnv } from '@millrace/core/node'
import type { RemoteOwner, ServedView } from '../served-view.ts'
import { startViewServer } from '../view-server.ts'
import type { MemoryView } from './memory-view.ts'
import { STATUS } from './served.ts'

export const TOKEN = 'token-of-more-than-twenty-characters'

/** A process that serves some parts of a view. */
export interface ServingProcess {
  readonly url: string
  /** Where the other processes send their queries. */
  readonly address: string
  /** The parts that it has. */
  readonly here: number[]
  readonly remoteOwners: RemoteOwner[]
  close(): Promise<void>
}

/** The processes of a job over one view. */
export interface Processes {
  readonly list: readonly ServingProcess[]
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a process for each list of parts, each of which knows the others. Every second one is queried on a socket. */
export async function serveParts(whole: MemoryView, placed: readonly (readonly number[])[]): Promise<Processes> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
  const list: ServingProcess[] = []
  for (const [index, parts] of placed.entries()) {
    const [here, remoteOwners] = [[...parts], [] as RemoteOwner[]]
    const server = await startViewServer({
      job: STATUS.job,
      views: [viewOf(whole, here, remoteOwners)],
      status: () => STATUS,
      env: nodeEnv(),
      token: TOKEN,
      ...(index % 2 === 1 && { socket: join(directory, `${index}.sock`) }),
    })
    list.push({ url: server.url, address: server.address, here, remoteOwners, close: () => server.close() })
  }
  for (const process of list) {
    for (const { address, here } of list) {
      if (address !== process.address && here.length > 0) process.remoteOwners.push({ address, partitions: [...here] })
    }
  }
  return {
    list,
    async [Symbol.asyncDispose]() {
      await Promise.all(list.map((process) => process.close()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** What one process serves of a view, and where the rest is; both may change. */
export function viewOf(whole: MemoryView, here: readonly number[], remoteOwners: readonly RemoteOwner[]): ServedView {
  const { name, key, value, shape, partitions, completeFrom, sources } = whole
  return {
    name,
    key,
    value,
    shape,
    partitions,
    completeFrom,
    sources,
    remoteOwners,
    get parts() {
      return whole.parts.filter(({ partition }) => here.includes(partition))
    },
  }
}

/** Requests something of the view from a process. */
export async function queryProcess(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

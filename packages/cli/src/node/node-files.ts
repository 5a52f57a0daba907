import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Where a node answers, as it states in its data directory. */
export interface NodeAnnouncement {
  readonly pid: number
  readonly url: string
  /** Absent on systems without sockets. */
  readonly socket?: string
}

/** The directory of a node, in its data directory. */
export function nodeDirectory(data: string): string {
  return join(resolve(data), 'node')
}

/** The file that holds what a daemon prints. */
export function daemonLog(data: string): string {
  return join(nodeDirectory(data), 'node.log')
}

/** States where this node answers, and its process for other programs (`node.pid`), until the returned function is called. */
export function announceNode(data: string, announcement: NodeAnnouncement): () => void {
  const { pid } = announcement
  const directory = nodeDirectory(data)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const files: readonly [string, string][] = [
    [announcementPath(data), JSON.stringify(announcement)],
    [join(directory, 'node.pid'), `${pid}\n`],
  ]
  for (const [path, content] of files) {
    const temporary = `${path}.${pid}.new`
    writeFileSync(temporary, content, { mode: 0o600 })
    // A reader never reads half a file.
    renameSync(temporary, path)
  }
  return () => {
    if (announcedNode(data)?.pid !== pid) return
    for (const [path] of files) rmSync(path, { force: true })
  }
}

/** Where the node of a data directory stated that it answers; a node that was killed leaves this behind. */
export function announcedNode(data: string): NodeAnnouncement | undefined {
  try {
    const json: unknown = JSON.parse(readFileSync(announcementPath(data), 'utf8'))
    return isAnnouncement(json) ? json : undefined
  } catch {
    return undefined
  }
}

function announcementPath(data: string): string {
  return join(nodeDirectory(data), 'node.json')
}

function isAnnouncement(json: unknown): json is NodeAnnouncement {
  if (typeof json !== 'object' || json === null) return false
  if ('socket' in json && typeof json.socket !== 'string') return false
  return 'pid' in json && typeof json.pid === 'number' && 'url' in json && typeof json.url === 'string'
}

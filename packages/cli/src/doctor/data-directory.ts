import { existsSync, readdirSync, statSync } from 'node:fs'
import { nodeEnv } from '@millrace/core/node'
import { type Finding, ok, problem, warning } from './finding.ts'

/** What is at the path of the data directory. */
export interface DirectoryFacts {
  readonly path: string
  readonly kind: 'missing' | 'file' | 'empty' | 'directory' | 'unreadable'
  /** The version that it states; undefined if it states none. */
  readonly version: unknown
  /** The version that this Millrace works with. */
  readonly wanted: number
}

export async function readDirectory(path: string): Promise<DirectoryFacts> {
  const { DATA_VERSION: wanted, dataVersionIn } = await import('@millrace/connectors/internal')
  const kind = kindOf(path)
  return { path, kind, version: kind === 'directory' ? dataVersionIn(nodeEnv().files, path) : undefined, wanted }
}

/** Decides on the data directory as a whole. */
export function checkDirectory({ path, kind, version, wanted }: DirectoryFacts): Finding {
  const check = 'Directory'
  const where = path
  const other = 'Name another data directory with --data.'
  if (kind === 'missing') {
    const advice = `Only the machine is checked. Name another data directory with --data, or create this one with a first topic: "millrace topics create <topic> --data ${path}"`
    return warning({ check, what: `${path} does not exist`, where, advice })
  }
  if (kind === 'file') return problem({ check, what: `${path} is not a directory`, where, advice: other })
  if (kind === 'unreadable') {
    return problem({ check, what: `this user cannot look into ${path}`, where, advice: `Run as its owner. ${other}` })
  }
  if (kind === 'empty') return ok(check, `${path} is empty; the first topic or job makes it a data directory`, where)
  if (version === wanted) return ok(check, `${path}, version ${wanted}`, where)
  if (version === undefined) {
    return problem({ check, what: `${path} has files, and is not a data directory of Millrace`, where, advice: other })
  }
  const what = `${path} has version ${JSON.stringify(version)}, and this Millrace works with version ${wanted}`
  return problem({ check, what, where, advice: `Use the Millrace that wrote it. ${other}` })
}

/** Whether there is a log to check. */
export function isUsable({ kind, version, wanted }: DirectoryFacts): boolean {
  return kind === 'directory' && version === wanted
}

function kindOf(path: string): DirectoryFacts['kind'] {
  if (!existsSync(path)) return 'missing'
  if (!statSync(path).isDirectory()) return 'file'
  try {
    return readdirSync(path).length === 0 ? 'empty' : 'directory'
  } catch {
    return 'unreadable'
  }
}

import type { Env } from '@millrace/core'
import { type Manifest, readManifest } from './manifest.ts'
import { readFile } from './read-file.ts'
import { readRecordLog } from './record-log.ts'
import { checkTable } from './table.ts'

/** Each write starts with its sequence number and its count of operations. */
const COUNT_AT = 8
const WRITE_HEADER_BYTES = 12

/**
 * Checks all files of a closed LevelDB. LevelDB itself opens damaged files and skips what it cannot read: keys would be missing
 * without any error. Returns what is wrong. Returns undefined for a whole database, also for an older one: a log that lost its
 * tail is a state as of an earlier commit, with that commit's position. `names`: reads only which files there must be, and checks
 * that they are there with their lengths.
 */
export async function checkFiles(
  env: Env,
  directory: string,
  depth: 'contents' | 'names' = 'contents',
): Promise<string | undefined> {
  let file = 'CURRENT'
  try {
    const names = new Set(env.files.list(directory))
    file = manifestName(readFile(env, `${directory}/CURRENT`))
    const manifest = readManifest(readFile(env, `${directory}/${file}`))
    for (const [number, bytes] of manifest.tables) {
      file =
        ['ldb', 'sst'].map((ending) => fileName(number, ending)).find((name) => names.has(name)) ??
        fileName(number, 'ldb')
      const found = env.files.stat(`${directory}/${file}`)?.bytes
      if (found === undefined) throw new Error('it is missing')
      if (found !== bytes) throw new Error(`it has ${found} bytes, not ${bytes}`)
      if (depth === 'contents') checkTable(readFile(env, `${directory}/${file}`))
      await env.timers.turn()
    }
    const logs = [...names].filter((name) => name.endsWith('.log')).sort((a, b) => numberOf(a) - numberOf(b))
    const live = logs.filter((name) => numberOf(name) >= manifest.logNumber)
    file = fileName(manifest.logNumber, 'log')
    if (!live.includes(file)) throw new Error('it is missing')
    let sequence: number | undefined
    for (const name of depth === 'contents' ? live : []) {
      file = name
      sequence = checkLog(readFile(env, `${directory}/${name}`), sequence, manifest)
      await env.timers.turn()
    }
    return undefined
  } catch (error) {
    return `${file}: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Checks that a log starts where the previous one ended; returns where it ends itself. */
function checkLog(bytes: Buffer, before: number | undefined, { lastSequence }: Manifest): number | undefined {
  let next = before
  for (const write of readRecordLog(bytes).records) {
    if (write.length < WRITE_HEADER_BYTES) throw new Error('a write is too short')
    const sequence = Number(write.readBigUInt64LE(0))
    const gap = next === undefined ? sequence > lastSequence + 1 : sequence !== next
    if (gap) throw new Error(`writes before number ${sequence} are missing`)
    next = sequence + write.readUInt32LE(COUNT_AT)
  }
  return next
}

function manifestName(current: Buffer): string {
  const [, name] = /^(MANIFEST-\d+)\n$/.exec(current.toString('latin1')) ?? []
  if (name === undefined) throw new Error('it names no manifest')
  return name
}

function fileName(number: number, ending: string): string {
  return `${String(number).padStart(6, '0')}.${ending}`
}

function numberOf(name: string): number {
  return Number.parseInt(name, 10)
}

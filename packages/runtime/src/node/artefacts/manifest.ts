import { RefusedError } from '@millrace/core'
import { isValidName } from '@millrace/core/internal'
import {
  ARTEFACT_BYTES_MAX,
  ARTEFACT_FORMAT,
  type ArtefactFile,
  type ArtefactManifest,
  CODE_FILE,
  type ExternalPackage,
  MAP_FILE,
  totalBytes,
} from './artefact.ts'
import { damagedArtefact } from './damaged-artefact.ts'
import { sha256 } from './sha256.ts'

/** The file with the manifest of an artefact. */
export const MANIFEST_FILE = 'artefact.json'

/** 1 MiB: the description of a step has some 200 bytes, so it is enough for a job with 4000 steps. */
export const MANIFEST_BYTES_MAX = 1024 * 1024

/** The name of a file in an artefact: never a path. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/

/** The bytes of `artefact.json`. The same manifest always has the same bytes. */
export function formatManifest(manifest: ArtefactManifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
}

/**
 * Reads the bytes of an `artefact.json` that must have the given id. `place` names the artefact in errors. Throws
 * `ARTEFACT_VERSION`, `ARTEFACT_DAMAGED`.
 */
export function parseManifest(place: string, id: string, content: Uint8Array): ArtefactManifest {
  if (content.length > MANIFEST_BYTES_MAX) {
    throw damagedArtefact(place, `${MANIFEST_FILE} has more than ${MANIFEST_BYTES_MAX} bytes`)
  }
  const json = parsed(content)
  // A later format may compute ids in another way.
  const format = typeof json === 'object' && json !== null && 'format' in json ? json.format : undefined
  if (typeof format === 'number' && format > ARTEFACT_FORMAT) {
    throw new RefusedError(
      'ARTEFACT_VERSION',
      `${place} has format ${format}, and this Millrace reads format ${ARTEFACT_FORMAT}. Update this Millrace, or deploy the job again ` +
        'with its version',
    )
  }
  if (sha256(content) !== id) throw damagedArtefact(place, `${MANIFEST_FILE} differs from what the id states`)
  if (!isManifest(json)) throw damagedArtefact(place, `${MANIFEST_FILE} does not describe an artefact`)
  return json
}

function parsed(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString())
  } catch {
    return undefined
  }
}

function isManifest(json: unknown): json is ArtefactManifest {
  if (!isObject(json) || json['format'] !== ARTEFACT_FORMAT) return false
  const { job, plan, millrace, source, externals, files, description } = json
  return (
    [job, plan, millrace, source].every(isText) &&
    // It becomes the name of a folder.
    isValidName(String(job)) &&
    isListOf(externals, isExternal) &&
    isListOf(files, isFile) &&
    hasCode(files) &&
    totalBytes(files) <= ARTEFACT_BYTES_MAX &&
    isObject(description) &&
    description['job'] === job
  )
}

function hasCode(files: readonly ArtefactFile[]): boolean {
  const names = new Set(files.map(({ name }) => name))
  return names.size === files.length && names.has(CODE_FILE) && names.has(MAP_FILE) && !names.has(MANIFEST_FILE)
}

function isFile(json: unknown): json is ArtefactFile {
  if (!isObject(json)) return false
  const { name, bytes } = json
  return (
    isText(name) && FILE_NAME.test(name) && Number.isSafeInteger(bytes) && Number(bytes) >= 0 && isText(json['sha256'])
  )
}

function isExternal(json: unknown): json is ExternalPackage {
  return isObject(json) && [json['name'], json['version'], json['from'], json['reason']].every(isText)
}

function isListOf<T>(json: unknown, isItem: (item: unknown) => item is T): json is T[] {
  return Array.isArray(json) && json.every(isItem)
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function isText(json: unknown): json is string {
  return typeof json === 'string'
}

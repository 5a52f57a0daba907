import { describe, type Job, RefusedError } from '@millrace/core'
import { versionedName } from '@millrace/core/internal'
import { planHash } from '../../container/job-description.ts'
import {
  ARTEFACT_BYTES_MAX,
  ARTEFACT_FORMAT,
  type Artefact,
  type ArtefactManifest,
  type ExternalPackage,
  totalBytes,
} from './artefact.ts'
import { formatManifest, MANIFEST_BYTES_MAX } from './manifest.ts'
import { sha256 } from './sha256.ts'

/** What an artefact is made of. */
export interface ArtefactParts {
  readonly millrace: string
  readonly source: string
  readonly externals: readonly ExternalPackage[]
  /** `CODE_FILE`, `MAP_FILE` and the data files. */
  readonly contents: ReadonlyMap<string, Uint8Array>
}

/** Makes the artefact of a job. Throws `ARTEFACT_TOO_LARGE`. */
export function makeArtefact(job: Job, { millrace, source, externals, contents }: ArtefactParts): Artefact {
  const sorted = new Map([...contents].sort(([one], [other]) => (one < other ? -1 : 1)))
  const files = [...sorted].map(([name, content]) => ({ name, bytes: content.length, sha256: sha256(content) }))
  const name = versionedName(job)
  const bytes = totalBytes(files)
  if (bytes > ARTEFACT_BYTES_MAX) throw tooLarge(name, `its files have ${bytes} bytes`, ARTEFACT_BYTES_MAX)
  const manifest: ArtefactManifest = {
    format: ARTEFACT_FORMAT,
    job: name,
    plan: planHash(job),
    millrace,
    source,
    externals,
    files,
    description: describe(job, 'json'),
  }
  const text = formatManifest(manifest)
  if (text.length > MANIFEST_BYTES_MAX) {
    throw tooLarge(name, `its manifest has ${text.length} bytes`, MANIFEST_BYTES_MAX)
  }
  return { id: sha256(text), manifest, contents: sorted }
}

function tooLarge(job: string, what: string, limit: number): RefusedError {
  return new RefusedError(
    'ARTEFACT_TOO_LARGE',
    `The artefact of job ${job} is too large: ${what}, and at most ${limit} are allowed. Read large files from the disk or a topic ` +
      'when the job runs',
    { job },
  )
}

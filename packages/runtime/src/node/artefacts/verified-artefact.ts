import type { Artefact, ArtefactFile, ArtefactManifest } from './artefact.ts'
import { damagedArtefact } from './damaged-artefact.ts'
import { parseManifest } from './manifest.ts'
import { sha256 } from './sha256.ts'

/** Where the parts of an artefact come from: a directory, or a transfer. */
export interface ArtefactSource {
  /** Names the artefact in errors. */
  readonly place: string
  readonly id: string
  readonly manifest: Uint8Array
  /** The content of a file; undefined if it is missing, and if its size is not that of the manifest. */
  read(file: ArtefactFile): Uint8Array | undefined
}

/** Takes an artefact from its source, and checks every byte. Throws `ARTEFACT_VERSION`, `ARTEFACT_DAMAGED`. */
export function verifiedArtefact(source: ArtefactSource): Artefact {
  const { place, id } = source
  const manifest: ArtefactManifest = parseManifest(place, id, source.manifest)
  const contents = new Map<string, Uint8Array>()
  for (const file of manifest.files) {
    const content = source.read(file)
    if (content?.length !== file.bytes) throw damagedArtefact(place, `file ${file.name} is missing or has another size`)
    if (sha256(content) !== file.sha256) throw damagedArtefact(place, `file ${file.name} was changed`)
    contents.set(file.name, content)
  }
  return { id, manifest, contents }
}

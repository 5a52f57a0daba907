import { RefusedError } from '@millrace/core'
import { ARTEFACT_BYTES_MAX, type Artefact } from './artefact.ts'
import { damagedArtefact } from './damaged-artefact.ts'
import { formatManifest, MANIFEST_BYTES_MAX } from './manifest.ts'
import { verifiedArtefact } from './verified-artefact.ts'

/**
 * The size of a transferred artefact, in bytes of its text, which is ASCII. Base64 has 4 characters for 3 bytes. 1 MiB is for
 * names and padding.
 */
export const ARTEFACT_TRANSFER_BYTES_MAX = Math.ceil(((ARTEFACT_BYTES_MAX + MANIFEST_BYTES_MAX) * 4) / 3) + 1024 * 1024

/** The transferred form: the content of each file in base64. */
interface Transfer {
  readonly id: string
  readonly manifest: string
  readonly files: Readonly<Record<string, string>>
}

/** An artefact as JSON that HTTP can carry. */
export function encodeArtefact({ id, manifest, contents }: Artefact): string {
  const files = Object.fromEntries([...contents].map(([name, content]) => [name, base64(content)]))
  const transfer: Transfer = { id, manifest: base64(formatManifest(manifest)), files }
  return JSON.stringify(transfer)
}

/**
 * The artefact of what `encodeArtefact` returned; every byte is checked. The caller stops reading a request after
 * `ARTEFACT_TRANSFER_BYTES_MAX`. Throws `ARTEFACT_TOO_LARGE`, `ARTEFACT_VERSION`, `ARTEFACT_DAMAGED`.
 */
export function decodeArtefact(text: string): Artefact {
  if (text.length > ARTEFACT_TRANSFER_BYTES_MAX) throw artefactTooLarge()
  const transfer = parsed(text)
  const place = 'The received artefact'
  if (!isTransfer(transfer)) throw damagedArtefact(place, 'it does not have an id, a manifest and files')
  const artefact = verifiedArtefact({
    place,
    id: transfer.id,
    manifest: Buffer.from(transfer.manifest, 'base64'),
    read: ({ name }) => {
      const content = Object.hasOwn(transfer.files, name) ? transfer.files[name] : undefined
      return content === undefined ? undefined : Buffer.from(content, 'base64')
    },
  })
  if (Object.keys(transfer.files).length !== artefact.contents.size) {
    throw damagedArtefact(place, 'it has files that its manifest does not list')
  }
  return artefact
}

/** The error for a transferred artefact that is larger than `ARTEFACT_TRANSFER_BYTES_MAX`. */
export function artefactTooLarge(): RefusedError {
  return new RefusedError(
    'ARTEFACT_TOO_LARGE',
    `The received artefact has more than the ${ARTEFACT_TRANSFER_BYTES_MAX} bytes that are allowed. Read large files from the disk ` +
      'or a topic when the job runs',
  )
}

function base64(content: Uint8Array): string {
  return Buffer.from(content.buffer, content.byteOffset, content.length).toString('base64')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isTransfer(json: unknown): json is Transfer {
  if (typeof json !== 'object' || json === null) return false
  if (!('id' in json && 'manifest' in json && 'files' in json)) return false
  const { id, manifest, files } = json
  if (typeof id !== 'string' || typeof manifest !== 'string' || typeof files !== 'object' || files === null)
    return false
  return Object.values(files).every((content) => typeof content === 'string')
}

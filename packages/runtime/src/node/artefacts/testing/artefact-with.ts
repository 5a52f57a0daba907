import { job, stream, string, topic } from '@millrace/core'
import type { Artefact } from '../artefact.ts'
import { CODE_FILE, MAP_FILE } from '../artefact.ts'
import { type ArtefactParts, makeArtefact } from '../make-artefact.ts'

const letters = stream(topic('letters', { key: string(), value: string() }))

/** The artefact of a small job with this code. */
export function artefactWith(code: string, parts: Partial<ArtefactParts> = {}): Artefact {
  const contents = new Map([
    [MAP_FILE, Buffer.from('{"version":3}')],
    [CODE_FILE, Buffer.from(`export default '${code}'`)],
  ])
  return makeArtefact(job('letters', letters.toTable('last')).withVersion(2), {
    millrace: '0.1.0',
    source: 'src/job.ts',
    externals: [],
    contents,
    ...parts,
  })
}

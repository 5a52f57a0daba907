import { encodeArtefact, makeArtefact } from '@millrace/runtime'
import type { VersionName } from './node-steps.ts'
import { ORDERS_VERSIONS } from './order-versions.ts'

const NAMES: readonly VersionName[] = ['first', 'changed', 'wide', 'failing']

/** The artefacts of the versions of the world's job. Their code is never loaded: a container gets the job by the id. */
export class VersionArtefacts {
  readonly #encoded = new Map<VersionName, string>()
  readonly #names = new Map<string, VersionName>()

  constructor() {
    for (const name of NAMES) {
      const contents = new Map([
        ['job.mjs', Buffer.from(`// ${name}`)],
        ['job.mjs.map', Buffer.from('{}')],
      ])
      const { job } = ORDERS_VERSIONS[name]
      const artefact = makeArtefact(job, { millrace: '1', source: `${name}.ts`, externals: [], contents })
      this.#encoded.set(name, encodeArtefact(artefact))
      this.#names.set(artefact.id, name)
    }
  }

  /** The artefact of a version, as it is sent to a node. */
  encoded(version: VersionName): string {
    return this.#encoded.get(version) ?? ''
  }

  /** The version that an artefact has. */
  versionOf(artefact: string): VersionName {
    const name = this.#names.get(artefact)
    if (name === undefined) throw new Error(`Artefact ${artefact} is not one of the world's`)
    return name
  }
}

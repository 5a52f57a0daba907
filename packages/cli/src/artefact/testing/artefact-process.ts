/**
 * Bundles and loads jobs in another process, as the command does: a test runner loads modules in another way than Node.
 * Reads `ArtefactSteps` in JSON from its first argument, and prints `ArtefactResults` in JSON as its last line.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, type Job, type JobDescription, MillraceError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type ArtefactManifest, artefactDirectory, CODE_FILE, readArtefact, writeArtefact } from '@millrace/runtime'
import { readJob } from '../../jobs/job-file.ts'
import { bundleJob } from '../bundle-job.ts'
import { importArtefact } from '../import-artefact.ts'
import { resultsOf, type SentRecord } from './job-results.ts'

/** What the process does; each step is optional. */
export interface ArtefactSteps {
  /** Bundles this job file, and writes the artefact into `data`. */
  readonly bundle?: string
  readonly data: string
  /** Whether the types are checked before. */
  readonly check?: boolean
  /** Loads the artefact with this id, or the one that was just written (`last`). */
  readonly load?: string
  /** Calls this function, which the job file exports too. */
  readonly call?: string
  /** Runs the job of `bundle` and that of the artefact on these records. */
  readonly records?: readonly SentRecord[]
}

export interface ArtefactResults {
  readonly id?: string
  readonly manifest?: ArtefactManifest
  readonly code?: string
  /** The source map of the code. */
  readonly map?: string
  readonly description?: JobDescription
  /** What the called function returned, or the stack of what it threw. */
  readonly returned?: unknown
  readonly ofFile?: readonly unknown[]
  readonly ofArtefact?: readonly unknown[]
  readonly error?: { readonly code: string; readonly message: string }
}

async function run(steps: ArtefactSteps): Promise<ArtefactResults> {
  const { files } = nodeEnv()
  let results: ArtefactResults = {}
  if (steps.bundle !== undefined) {
    const artefact = await bundleJob(steps.bundle, { check: steps.check === true })
    await writeArtefact(files, steps.data, artefact)
    const { id, manifest } = readArtefact(files, artefactDirectory(steps.data, artefact.id))
    const directory = artefactDirectory(steps.data, id)
    const [code, map] = [CODE_FILE, `${CODE_FILE}.map`].map((name) => readFileSync(join(directory, name), 'utf8'))
    results = { id, manifest, ...(code !== undefined && { code }), ...(map !== undefined && { map }) }
  }
  if (steps.load === undefined) return results
  const directory = artefactDirectory(steps.data, steps.load === 'last' ? (results.id ?? '') : steps.load)
  const job = await importArtefact(directory)
  results = { ...results, description: describe(job, 'json') }
  if (steps.call !== undefined) results = { ...results, returned: await called(join(directory, CODE_FILE), steps.call) }
  return steps.records === undefined
    ? results
    : { ...results, ...(await bothResults(job, steps.bundle, steps.records)) }
}

async function bothResults(
  job: Job,
  file: string | undefined,
  records: readonly SentRecord[],
): Promise<ArtefactResults> {
  const other = await readJob(file ?? '', false)
  return { ofFile: await resultsOf(other, records), ofArtefact: await resultsOf(job, records) }
}

async function called(code: string, name: string): Promise<unknown> {
  const module: Record<string, () => unknown> = await import(pathToFileURL(code).href)
  try {
    return await module[name]?.()
  } catch (error) {
    return error instanceof Error ? error.stack : error
  }
}

const results = await run(JSON.parse(process.argv[2] ?? '{}')).catch((error: unknown): ArtefactResults => {
  if (error instanceof MillraceError) return { error: { code: error.code, message: error.message } }
  throw error
})
process.stdout.write(`${JSON.stringify(results)}\n`)

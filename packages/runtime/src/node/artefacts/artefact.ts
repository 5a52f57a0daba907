import type { JobDescription } from '@millrace/core'

/** The format of artefacts that this version writes and reads. */
export const ARTEFACT_FORMAT = 1

/** The files that every artefact has: the code, an ES module whose default export is the job, and its source map. */
export const CODE_FILE = 'job.mjs'
export const MAP_FILE = 'job.mjs.map'

/**
 * 32 MiB, for all files of an artefact together. The code of a job with a large client library has some 5 MB, and its source
 * map twice that. The rest is for data files of the job. A node holds an artefact in memory while it receives it.
 */
export const ARTEFACT_BYTES_MAX = 32 * 1024 * 1024

/** A file of an artefact. */
export interface ArtefactFile {
  readonly name: string
  readonly bytes: number
  /** SHA-256 of its content, in hexadecimal digits. */
  readonly sha256: string
}

/** A package that an artefact does not contain: its code is loaded from where it is installed. */
export interface ExternalPackage {
  readonly name: string
  readonly version: string
  /** The directory from which the package is found, as from a file in it. */
  readonly from: string
  /** Why the package is not in the artefact. */
  readonly reason: string
}

/** What an artefact is: the content of its file `artefact.json`. It has no time and no name of a machine in it. */
export interface ArtefactManifest {
  readonly format: typeof ARTEFACT_FORMAT
  /** The name of the job, with its version if that is not 1. */
  readonly job: string
  /**
   * A hash of what the job is: its graph, how it takes event times, and what determines each store. Processes of jobs with the
   * same hash and the same guarantee can run as one group. Functions are not compared.
   */
  readonly plan: string
  /** The version of Millrace that made the artefact. */
  readonly millrace: string
  /** The path of the job file in its project. */
  readonly source: string
  /** By name and version. */
  readonly externals: readonly ExternalPackage[]
  /** By name. */
  readonly files: readonly ArtefactFile[]
  readonly description: JobDescription
}

/** A job's code with all that it needs, as one immutable value: equal artefacts have equal ids. */
export interface Artefact {
  /** SHA-256 of the bytes of `artefact.json`, which has the SHA-256 of every other file; 64 hexadecimal digits. */
  readonly id: string
  readonly manifest: ArtefactManifest
  /** The content of each file that the manifest lists, by name. */
  readonly contents: ReadonlyMap<string, Uint8Array>
}

/** The size of files of an artefact together. */
export function totalBytes(files: readonly ArtefactFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}

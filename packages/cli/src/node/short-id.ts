/** So many digits distinguish the artefacts of a job. */
const DIGITS = 12

/** The beginning of an artefact's id, for people. */
export function shortId(id: string): string {
  return id.slice(0, DIGITS)
}

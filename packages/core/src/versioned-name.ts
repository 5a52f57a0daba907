/** The end of a version's name. `job` rejects names that have one. */
const VERSION = /\.version-([1-9][0-9]*)$/

/** A version of a job, as its name has it. */
export interface JobVersion {
  readonly job: string
  readonly version: number
}

/**
 * The name that a version of a job has wherever it is on its own: in its group, its topics, its state and in messages. Version 1
 * has the job's name alone.
 */
export function versionedName({ name, version }: { readonly name: string; readonly version: number }): string {
  return version === 1 ? name : `${name}.version-${version}`
}

/** What a version's name stands for. It may also be spelled out for version 1. */
export function jobVersion(name: string): JobVersion {
  const [ending, number] = VERSION.exec(name) ?? []
  return ending === undefined
    ? { job: name, version: 1 }
    : { job: name.slice(0, -ending.length), version: Number(number) }
}

/** Whether a version is meant by what a user has typed: the job's name means every version, the name of a version that one. */
export function isMeant(versioned: string, typed: string): boolean {
  const [there, wanted] = [jobVersion(versioned), jobVersion(typed)]
  return there.job === wanted.job && (!VERSION.test(typed) || there.version === wanted.version)
}

/** What a user can type to choose one of several versions, sorted: for version 1, the job's name alone would mean all of them. */
export function choicesOf(versioned: readonly string[]): string[] {
  const choices = versioned.map((name) => {
    const { job, version } = jobVersion(name)
    const isOnly = versioned.every((other) => other === name || jobVersion(other).job !== job)
    return isOnly ? name : `${job}.version-${version}`
  })
  return choices.sort()
}

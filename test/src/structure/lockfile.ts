/** The part of `package-lock.json` that the rules below are about. */
export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>
}

export interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly license?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly peer?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly engines?: unknown
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/**
 * The problems of a lockfile, one sentence each; empty when it installs on every platform, from any registry.
 *
 * Three things break that, and the machine that wrote the file does not notice them. If a registry lacks the binaries of
 * another platform, npm leaves them out, and `npm ci` then fails everywhere. `resolved` names the registry that happened to be
 * used. And if an optional package has `engines`, npm skips it when the Node that runs npm is too old for it, although the
 * Node that will load it is the one that this repository brings.
 */
export function lockfileProblems(lock: Lockfile): string[] {
  const problems: string[] = []
  for (const { name, version, wantedBy } of missingPackages(lock)) {
    problems.push(`${name}@${version}, wanted by ${wantedBy || 'the root'}, is not locked`)
  }
  for (const [location, locked] of Object.entries(lock.packages)) {
    if (namesRegistry(locked)) problems.push(`${location} names the registry that it came from`)
    if (limitsItself(locked)) problems.push(`${location} is optional and would be skipped by an older Node's npm`)
  }
  return problems
}

/**
 * The same lockfile without its problems. Binaries that the registry lacked are added with the platform that their name
 * states.
 */
export function completedLockfile<T extends Lockfile>(lock: T): T {
  const packages: Record<string, LockedPackage> = {}
  for (const [location, locked] of Object.entries(lock.packages)) {
    const kept = Object.entries(locked).filter(
      ([field]) => !(field === 'resolved' && namesRegistry(locked)) && !(field === 'engines' && limitsItself(locked)),
    )
    packages[location] = Object.fromEntries(kept)
  }
  for (const { name, version, wantedBy } of missingPackages(lock)) {
    const { license, dev, peer } = lock.packages[wantedBy] ?? {}
    const { os, cpu, libc } = platformOf(name)
    // The fields are in the order in which npm writes them, so that its next run changes nothing.
    packages[`node_modules/${name}`] = {
      version,
      cpu,
      ...(dev === true && { dev }),
      ...(libc !== undefined && { libc }),
      ...(license !== undefined && wantedBy !== '' && { license }),
      optional: true,
      os,
      ...(peer === true && { peer }),
    }
  }
  const sorted = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
  return { ...lock, packages: Object.fromEntries(sorted) }
}

function namesRegistry(locked: LockedPackage): boolean {
  return locked.resolved !== undefined && locked.link !== true
}

function limitsItself(locked: LockedPackage): boolean {
  return locked.optional === true && locked.engines !== undefined
}

interface MissingPackage {
  readonly name: string
  readonly version: string
  readonly wantedBy: string
}

function missingPackages(lock: Lockfile): MissingPackage[] {
  const missing: MissingPackage[] = []
  for (const [location, locked] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
      if (!isLocked(lock, location, name)) missing.push({ name, version, wantedBy: location })
    }
  }
  return missing
}

/** Searches as Node does: beside the package, then in every `node_modules` above it. */
function isLocked(lock: Lockfile, location: string, name: string): boolean {
  for (let folder = location; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const candidate = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`
    if (lock.packages[candidate] !== undefined) return true
    if (folder === '') return false
  }
}

interface Platform {
  readonly os: readonly string[]
  readonly cpu: readonly string[]
  readonly libc?: readonly string[]
}

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']

/** The platform that a binary package is for, read from its name (`@turbo/darwin-arm64`, `…-linux-x64-musl`). */
export function platformOf(name: string): Platform {
  const words = name
    .slice(name.lastIndexOf('/') + 1)
    .split('-')
    .map((word) => (word === 'windows' || word === 'win' ? 'win32' : word === '64' ? 'x64' : word))
  const os = words.find((word) => SYSTEMS.includes(word))
  const cpu = words.find((word) => PROCESSORS.includes(word))
  if (os === undefined || cpu === undefined) {
    throw new Error(`${name}: its name does not tell its platform; add its entry to package-lock.json by hand`)
  }
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : words.some(isGnu) ? 'glibc' : undefined
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) }
}

function isGnu(word: string): boolean {
  return word.startsWith('gnu')
}

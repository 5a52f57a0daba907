import { readFileSync } from 'node:fs'
import { VERSION } from '../version.ts'
import { type Finding, ok, problem } from './finding.ts'

/** A part in native code, and why it does not load; undefined if it does. */
export interface NativePart {
  readonly name: string
  readonly failure: string | undefined
}

/** The versions that run. */
export interface VersionFacts {
  readonly node: string
  readonly program: string
  readonly millrace: string
  /** What package.json states: `>=22.22`. */
  readonly engines: string
  readonly platform: string
  readonly parts: readonly NativePart[]
}

/** More bytes than the tables in JavaScript take over: this checksum is the native one. */
const SAMPLE = Buffer.alloc(1024, 'millrace')

export async function readVersions(): Promise<VersionFacts> {
  return {
    node: process.versions.node,
    program: process.execPath,
    millrace: VERSION,
    engines: enginesOf(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')),
    platform: `${process.platform}-${process.arch}`,
    parts: await Promise.all([
      loaded('LevelDB', loadLevelDb),
      loaded('checksums', compareChecksums),
      loaded('locks', loadLocks),
    ]),
  }
}

/** Decides on the versions. */
export function checkVersions({ node, program, millrace, engines, platform, parts }: VersionFacts): Finding[] {
  const where = program
  const runs = satisfies(node, engines)
    ? ok('Versions', `Millrace ${millrace} on Node ${node} (${platform})`, where)
    : problem({
        check: 'Versions',
        what: `Node ${node} is too old: Millrace ${millrace} needs Node ${engines}`,
        where,
        advice: 'Install a newer Node, or run the command with one that you have.',
      })
  const failed = parts.filter(({ failure }) => failure !== undefined)
  const names = parts.map(({ name }) => name).join(', ')
  return [
    runs,
    ...failed.map(({ name, failure }) =>
      problem({
        check: 'Native code',
        what: `${name} cannot be used on ${platform}: ${failure}`,
        advice:
          'Install the packages again on this machine ("npm ci"). A node_modules that was copied from another system has the native code of that system.',
      }),
    ),
    ...(failed.length === 0 ? [ok('Native code', `${names} load and work`)] : []),
  ]
}

function enginesOf(manifest: string): string {
  return /"node": "([^"]+)"/.exec(manifest)?.[1] ?? '>=0.0'
}

/** Whether a version is at least that of `>=major.minor`. */
function satisfies(version: string, engines: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = engines.replace('>=', '').split('.').map(Number)
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
}

/** `load` returns what is wrong with a part that loads; undefined if nothing is wrong. */
async function loaded(name: string, load: () => Promise<string | undefined>): Promise<NativePart> {
  try {
    return { name, failure: await load() }
  } catch (error) {
    return { name, failure: error instanceof Error ? error.message.split('\n')[0] : String(error) }
  }
}

async function loadLevelDb(): Promise<undefined> {
  await import('@millrace/state')
}

async function loadLocks(): Promise<undefined> {
  const { nodeEnv } = await import('@millrace/core/node')
  nodeEnv()
}

/** Short pieces are computed in JavaScript, and the whole in native code: both must agree. */
async function compareChecksums(): Promise<string | undefined> {
  const { crc32c } = await import('@millrace/core/checksum')
  let pieces = 0
  for (let at = 0; at < SAMPLE.length; at += 64) pieces = crc32c(SAMPLE, at, at + 64, pieces)
  return crc32c(SAMPLE, 0, SAMPLE.length) === pieces ? undefined : 'it computes another checksum than JavaScript does'
}

import { ERROR_CODES } from '@millrace/core'
import type { SourceFile } from '../structure/parse-module.ts'
import type { LimitMutation } from './limits.ts'
import type { Mutation } from './planted-text.ts'

/** A place in the source where a limit or a refusal can be removed: the text from `start` to `end` is replaced. */
export interface MutationSite {
  /** `<package>/<name of the limit or error code>`. */
  readonly name: string
  readonly path: string
  readonly start: number
  readonly end: number
}

/** Words in a constant's name that mean that it limits something. */
const LIMIT_WORDS =
  /_(BYTES|CHARACTERS|DEFAULT|ENTRIES|LIMIT|LOOK|MAX|MIN|MS|RATIO|ROWS|SHOWN|TARGET|TURN)(_|$)|^(.+_)?(TRIES|INTERVAL)$/
/** The place of a field in a format is not a limit, and neither are the options of a library. */
const NO_LIMIT = /_AT$|_OPTIONS$/

const CONSTANT = /^(?:export )?const ([A-Z][A-Z0-9_]*)(?:: [^=]+)? = (.+)$/gm

/** A code as the first argument of a call, or as the code of an answer. A comparison with a code is not a refusal. */
const THROWN_CODE = /(?:\(\s*|\bcode: )'([A-Z][A-Z0-9_]*)'/g

/** Whether the limits and refusals of a file must be tested: it is published, and not only tests run it. */
export function isMutated({ path }: SourceFile): boolean {
  return (
    /^packages\/[^/]+\/src\//.test(path) &&
    !path.startsWith('packages/testing/') &&
    !/\.test\.ts$|\/testing\/|\/conformance\//.test(path)
  )
}

/** The definitions of the named limits: each site is the value. */
export function limitSites(file: SourceFile): MutationSite[] {
  return sitesOf(file, CONSTANT, (match) => {
    const [, name = '', value = ''] = match
    if (!LIMIT_WORDS.test(name) || NO_LIMIT.test(name)) return undefined
    const end = match.index + match[0].length
    return { name, start: end - value.length, end: end - (/\s*\/\/.*$/.exec(value)?.[0].length ?? 0) }
  })
}

/** The places where errors are made: each site is the code. */
export function refusalSites(file: SourceFile): MutationSite[] {
  return sitesOf(file, THROWN_CODE, (match) => {
    const [text, name = ''] = match
    if (!Object.hasOwn(ERROR_CODES, name)) return undefined
    const end = match.index + text.length
    return { name, start: end - name.length - 2, end }
  })
}

/** The edits that remove a limit. Throws if a text that they replace is not found exactly once in the limit's package. */
export function limitMutations(site: MutationSite, limit: LimitMutation, files: readonly SourceFile[]): Mutation[] {
  const { becomes, uses = [] } = limit
  const root = site.path.split('/').slice(0, 2).join('/')
  const replaced = uses.map(([from, to]) => {
    const places = files.filter(({ path, text }) => path.startsWith(`${root}/`) && text.includes(from))
    const [file] = places
    if (file === undefined || places.length > 1 || file.text.split(from).length !== 2) {
      throw new Error(
        `${JSON.stringify(from)} does not stand in ${root} once: correct the entry ${site.name} of limits.ts`,
      )
    }
    const start = file.text.indexOf(from)
    return { path: file.path, start, end: start + from.length, by: to }
  })
  return becomes === undefined ? replaced : [{ ...site, by: becomes }, ...replaced]
}

function sitesOf(
  { path, text }: SourceFile,
  pattern: RegExp,
  siteOf: (match: RegExpExecArray) => Pick<MutationSite, 'name' | 'start' | 'end'> | undefined,
): MutationSite[] {
  const [, folder] = path.split('/')
  return Array.from(text.matchAll(pattern)).flatMap((match) => {
    const site = siteOf(match)
    if (site === undefined) return []
    return [{ ...site, name: `${folder}/${site.name}`, path }]
  })
}

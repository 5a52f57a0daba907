import { resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

/** The inputs of a type check. */
export interface TypeCheck {
  /** The job file. */
  readonly path: string
  /** The tsconfig.json whose settings apply, if there is one. */
  readonly settings: string | undefined
  /** The folder of the settings that were generated for the compiler. The user does not have it. */
  readonly generated: string
  /** The folder in which the compiler ran: it names files from here. */
  readonly cwd: string
  /** The version of the compiler. */
  readonly version: string
}

/** What to write instead of the TypeScript that Node does not run. */
export const ERASABLE_HINT =
  'Node runs TypeScript by removing the types, so enums, namespaces, parameter properties and "import =" do not work. Write an ' +
  'object "as const" for an enum, a module for a namespace, fields that the constructor assigns, and "import … from"'

/** How to fix some of the compiler's errors, in addition to its messages. */
const HINTS: readonly (readonly [codes: RegExp, hint: string])[] = [
  [/TS1294:/, ERASABLE_HINT],
  [
    /TS1309:|TS1479:/,
    'A job is an ES module: name the file .mts, or set "type": "module" in package.json (npm pkg set type=module) if its name is .ts',
  ],
  [/TS283[45]:/, "Node needs the exact name of a file: write './types.ts', not './types' or './types.js'"],
]

/** The place where one of the compiler's errors begins. */
const ERROR = /^(?=(?:\S.*:\d+:\d+ - )?error TS\d+: )/m
const PLACE = /^(\S.*):\d+:\d+ - /

/** The compiler's errors with their lines of code, and how to fix them. */
export function typeErrorMessage(check: TypeCheck, output: string): string {
  // The output without its colours and its count.
  const text = stripVTControlCharacters(output).replace(/^Found \d+ errors?.*$/gms, '')
  const errors = text.trim().split(ERROR)
  const shown = errors.map((error) =>
    fileOf(check, error)?.startsWith(check.generated) ? sentence(check, error) : error,
  )
  const hints = HINTS.filter(([codes]) => codes.test(text)).map(([, hint]) => `${hint}\n\n`)
  const end = errors.some((error) => isOfSettings(check, error))
    ? settingsHint(check)
    : 'Correct it, or skip the check with --no-check'
  return `Job file ${check.path} does not pass the type check:\n\n${indented(shown.join(''))}\n\n${hints.join('')}${end}`
}

function isOfSettings(check: TypeCheck, error: string): boolean {
  const file = fileOf(check, error)
  return file !== undefined && (file.startsWith(check.generated) || file === check.settings)
}

function fileOf({ cwd }: TypeCheck, error: string): string | undefined {
  const place = PLACE.exec(error)?.[1]
  return place === undefined ? undefined : resolve(cwd, place)
}

/** An error about a setting that the generated file takes from the user's file. The compiler shows the generated file. */
function sentence({ settings }: TypeCheck, error: string): string {
  const [line = ''] = error.split('\n')
  return `${line.replace(PLACE, settings === undefined ? '' : `${settings} - `)}\n\n`
}

function settingsHint({ settings, version }: TypeCheck): string {
  return (
    `The command checks with TypeScript ${version}, which does not accept these settings. Change them` +
    `${settings === undefined ? '' : ` in ${settings}`}, move the job to a folder with another tsconfig.json, or skip the check ` +
    'with --no-check'
  )
}

function indented(text: string): string {
  return text.trim().replace(/^(?=.)/gm, '  ')
}

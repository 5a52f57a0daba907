import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FatalError, RefusedError } from '@millrace/core'
import { packageTypeOf } from './package-type.ts'
import { typeErrorMessage } from './type-errors.ts'

/** The settings for a job file if neither its folder nor a folder above has a tsconfig.json. */
const DEFAULT_OPTIONS = {
  target: 'es2024',
  lib: ['es2024'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  strict: true,
}

/**
 * Added to `DEFAULT_OPTIONS` if no package.json states the module type of a `.ts` file. Node then decides by the file's
 * syntax, and a job is an ES module, but "nodenext" would treat it as CommonJS.
 */
const UNTYPED_PACKAGE_OPTIONS = { module: 'esnext', moduleResolution: 'bundler', customConditions: ['node'] }

/** Overrides the project's settings: nothing is written, and only what Node runs directly is allowed. */
const FIXED_OPTIONS = {
  noEmit: true,
  composite: false,
  incremental: false,
  declaration: false,
  declarationDir: null,
  declarationMap: false,
  isolatedDeclarations: false,
  emitDeclarationOnly: false,
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: false,
  erasableSyntaxOnly: true,
  noUnusedLocals: false,
  noUnusedParameters: false,
}

/**
 * Checks a job file, and what it imports, with the TypeScript that this command depends on and the settings of the nearest
 * tsconfig.json. Throws `JOB_FILE_BROKEN` with the compiler's messages and the lines that they are about. If `stop` is aborted, the
 * compiler is ended, and an `AbortError` is thrown.
 */
export async function checkTypes(path: string, stop?: AbortSignal): Promise<void> {
  const directory = temporaryDirectory()
  const remove = () => rmSync(directory, { recursive: true, force: true })
  // A second Ctrl-C ends the process at once.
  process.once('exit', remove)
  try {
    const settings = nearestSettings(path)
    const cwd = realpathSync(dirname(path))
    const { code, output, version } = await runCompiler(writeConfig(directory, path, settings), cwd, stop)
    if (code === 0) return
    const message = typeErrorMessage({ path, settings, generated: directory, cwd, version }, output)
    throw new RefusedError('JOB_FILE_BROKEN', message, { file: path })
  } finally {
    process.off('exit', remove)
    remove()
  }
}

function temporaryDirectory(): string {
  const parent = tmpdir()
  try {
    // The compiler names files by their real paths.
    return realpathSync(mkdtempSync(join(parent, 'millrace-check-')))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new FatalError(
      'SYSTEM_CALL_FAILED',
      `The type check cannot create a folder in ${parent}: ${reason}. Set TMPDIR to a writable folder, or skip the check ` +
        'with --no-check',
      { cause },
    )
  }
}

function nearestSettings(path: string): string | undefined {
  return ancestorsOf(path)
    .map((folder) => join(folder, 'tsconfig.json'))
    .find((file) => existsSync(file))
}

/** Writes the compiler's settings for a job file into a directory; returns the path of the file to compile with. */
function writeConfig(directory: string, path: string, extended: string | undefined): string {
  const typeRoots = ancestorsOf(path)
    .map((folder) => join(folder, 'node_modules/@types'))
    .filter((folder) => existsSync(folder))
  const hasNodeTypes = typeRoots.some((folder) => readdirSync(folder).includes('node'))
  const isUntyped = path.endsWith('.ts') && packageTypeOf(path) === undefined
  const unlessStated = {
    skipLibCheck: true,
    ...(hasNodeTypes && { types: ['node'] }),
    ...(extended === undefined && DEFAULT_OPTIONS),
    ...(extended === undefined && isUntyped && UNTYPED_PACKAGE_OPTIONS),
  }
  const defaults = join(directory, 'defaults.json')
  writeFileSync(defaults, JSON.stringify({ compilerOptions: unlessStated }))
  // In this repository packages are read as TypeScript, as they are run, whichever tsconfig.json is nearest to the job file.
  const fromSource = import.meta.url.endsWith('.ts') && { customConditions: ['millrace-source', 'node'] }
  const config = join(directory, 'tsconfig.json')
  const settings = {
    extends: extended === undefined ? [defaults] : [defaults, extended],
    compilerOptions: { ...fromSource, ...FIXED_OPTIONS, typeRoots, rootDir: '/' },
    files: [path],
    include: [],
    references: [],
  }
  writeFileSync(config, JSON.stringify(settings))
  return config
}

function ancestorsOf(path: string): string[] {
  const folders: string[] = []
  for (let folder = dirname(path); folder !== folders.at(-1); folder = dirname(folder)) folders.push(folder)
  return folders
}

interface CompilerRun {
  readonly code: number | null
  readonly output: string
  readonly version: string
}

function runCompiler(config: string, cwd: string, stop: AbortSignal | undefined): Promise<CompilerRun> {
  const require = createRequire(import.meta.url)
  const manifest = require.resolve('typescript/package.json')
  const { version }: { version: string } = require(manifest)
  const compiler = join(dirname(manifest), 'bin/tsc')
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [compiler, '-p', config, '--pretty', 'true'], {
      cwd,
      // The compiler names files from this folder. Without `PWD` it would name them from a link to this folder.
      env: { ...process.env, PWD: cwd },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(stop !== undefined && { signal: stop }),
    })
    let output = ''
    child.stdout.on('data', (text) => {
      output += text
    })
    child.stderr.on('data', (text) => {
      output += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output, version }))
  })
}

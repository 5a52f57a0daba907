import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { RefusedError } from '@millrace/core'

/** What a job file is checked with if neither its folder nor one above has a tsconfig.json. */
const DEFAULT_OPTIONS = {
  target: 'es2024',
  lib: ['es2024'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  strict: true,
}

/** Whatever the project says: nothing is written, and what Node runs directly is what is allowed. */
const FIXED_OPTIONS = {
  noEmit: true,
  composite: false,
  incremental: false,
  declaration: false,
  declarationMap: false,
  emitDeclarationOnly: false,
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: false,
  erasableSyntaxOnly: true,
  noUnusedLocals: false,
  noUnusedParameters: false,
}

/**
 * Checks a job file, and what it imports, with the TypeScript that this command depends on and the settings of the nearest
 * tsconfig.json. Throws `JOB_FILE_BROKEN` with the compiler's own words, and the lines that they are about.
 */
export async function checkTypes(path: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-check-'))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  // A second Ctrl-C ends the process at once.
  process.once('exit', remove)
  try {
    const { code, output } = await runCompiler(writeConfig(directory, path), dirname(path))
    if (code === 0) return
    throw new RefusedError(
      'JOB_FILE_BROKEN',
      `${path} does not pass the type check:\n\n${indented(output)}\n\nCorrect it, or skip the check with --no-check`,
      { file: path },
    )
  } finally {
    process.off('exit', remove)
    remove()
  }
}

/** The compiler's errors with their lines of code, without its colours and its count. */
function indented(output: string): string {
  const text = stripVTControlCharacters(output).replace(/^Found \d+ errors?.*$/gms, '')
  return text.trim().replace(/^(?=.)/gm, '  ')
}

/** Writes the compiler's settings for a job file into a directory; returns the path of the file to compile with. */
function writeConfig(directory: string, path: string): string {
  const ancestors = ancestorsOf(path)
  const extended = ancestors.map((folder) => join(folder, 'tsconfig.json')).find((file) => existsSync(file))
  const typeRoots = ancestors
    .map((folder) => join(folder, 'node_modules/@types'))
    .filter((folder) => existsSync(folder))
  const hasNodeTypes = typeRoots.some((folder) => readdirSync(folder).includes('node'))
  const unlessStated = {
    skipLibCheck: true,
    ...(hasNodeTypes && { types: ['node'] }),
    ...(extended === undefined && DEFAULT_OPTIONS),
  }
  const defaults = join(directory, 'defaults.json')
  writeFileSync(defaults, JSON.stringify({ compilerOptions: unlessStated }))
  // In this repository packages are read as TypeScript, as they are run, whatever tsconfig.json is nearest to the job file.
  const fromSource = import.meta.url.endsWith('.ts') && { customConditions: ['millrace-source'] }
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

function runCompiler(config: string, cwd: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  const compiler = join(dirname(manifest), 'bin/tsc')
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [compiler, '-p', config, '--pretty', 'true'], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (text) => {
      output += text
    })
    child.stderr.on('data', (text) => {
      output += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}

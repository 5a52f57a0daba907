/**
 * Packs every package as it would be published, installs the archives into an empty project, and uses them there with the oldest
 * Node that they state: `npm run published`. It needs the registry, so it is a step of CI and no test.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { manifests } from '../structure/workspaces.ts'
import { packedProblems } from './packed-files.ts'

/** The first release of the oldest line that `engines` allows. */
const OLDEST_NODE = '22.22.0'

const repository = fileURLToPath(new URL('../../../', import.meta.url))
const packages = manifests().filter(({ manifest }) => manifest.private !== true)
const project = mkdtempSync(join(tmpdir(), 'millrace-published-'))

/** Runs a command and answers what it printed, which is shown too where it fails. */
function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout } = spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}`)
  return stdout
}

/** Packs a package and answers its archive, once what is in it is right. */
function pack(folder: string): string {
  const output = run('npm', ['pack', '--json', '--silent', `--pack-destination=${project}`], join(repository, folder))
  const [packed] = parsePacked(output)
  if (packed === undefined) throw new Error(`npm pack said nothing about ${folder}`)
  const problems = packedProblems(packed.files.map(({ path }) => path))
  if (problems.length > 0) throw new Error(`${folder} would be published wrongly: ${problems.join('; ')}`)
  console.log(`${folder}: ${packed.files.length} files, ${Math.ceil(packed.size / 1024)} kB`)
  return join(project, packed.filename)
}

interface Packed {
  readonly filename: string
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

/** npm prints the archives as a list up to version 11 and by package name from 12 on, after what `prepack` printed. */
function parsePacked(output: string): Packed[] {
  return Object.values(JSON.parse(output.slice(output.search(/^[[{]/m))))
}

function install(archives: readonly string[]): string {
  writeFileSync(join(project, 'package.json'), '{ "name": "user", "private": true, "type": "module" }')
  const node = `node-${process.platform}-${process.arch}@${OLDEST_NODE}`
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts']
  run('npm', ['install', ...quiet, node, '@types/node@24', ...archives], project)
  return join(project, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
}

/** Opens every door, as types and at run time, with nothing but what a user has. */
function openDoors(node: string): void {
  const doors = packages.flatMap(({ manifest }) =>
    Object.keys(manifest.exports ?? {}).map((door) => manifest.name + door.slice(1)),
  )
  const script = doors.map((door, index) => `import * as door${index} from '${door}'`).join('\n')
  const uses = doors.map((_, index) => `door${index}`).join(', ')
  writeFileSync(join(project, 'doors.ts'), `${script}\nconsole.log([${uses}].length)\n`)
  const options = ['--noEmit', '--module', 'nodenext', '--target', 'es2024', '--strict', '--types', 'node']
  run(node, [join(repository, 'node_modules/typescript/bin/tsc'), ...options, 'doors.ts'], project)
  run(node, ['doors.ts'], project)
  console.log(`Node ${OLDEST_NODE}: ${doors.length} doors open, with types`)
}

function askCommand(node: string): void {
  const help = run(node, [join(project, 'node_modules/millrace/bin/millrace.js'), '--help'], project)
  if (!help.includes('Usage: millrace')) throw new Error(`millrace --help printed: ${help}`)
  console.log(`Node ${OLDEST_NODE}: millrace --help answers`)
}

try {
  const node = install(packages.map(({ folder }) => pack(folder)))
  openDoors(node)
  askCommand(node)
} finally {
  rmSync(project, { recursive: true, force: true })
}

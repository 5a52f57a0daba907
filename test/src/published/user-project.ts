import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { codeBlocks } from '../docs/markdown.ts'
import { type PackedPackage, repository } from './pack-all.ts'
import { run } from './run.ts'

export type PackageManager = 'npm' | 'pnpm'

/** The page that shows how a user begins. Its commands and files are used as they are written. */
const PAGE_OF_DOCS = join(repository, 'docs/guide/project.md')
const PORT_OF_DOCS = '4711'

/** The code of a page in a browser. Its bundle must not need anything from Node. */
const PAGE = `import { MillraceClient } from '@millrace/client'

export const read = (url: string, token: string) => new MillraceClient(url, { token }).view('sums').get('k')
`

/** A project outside of the repository, with its own Node. */
export class UserProject {
  readonly folder: string
  readonly #manager: PackageManager
  readonly #nodeVersion: string
  readonly #tools: string
  #running: ChildProcess | undefined

  /** `tools`: a folder in which pnpm is installed. */
  constructor(folder: string, manager: PackageManager, nodeVersion: string, tools: string) {
    this.folder = folder
    this.#manager = manager
    this.#nodeVersion = nodeVersion
    this.#tools = tools
    mkdirSync(folder)
  }

  /** As a user begins: `npm init`, which makes a package of CommonJS, and an install. */
  install(packages: readonly PackedPackage[]): void {
    run('npm', ['init', '--yes'], { cwd: this.folder })
    const archives = Object.fromEntries(packages.map(({ name, archive }) => [name, `file:${archive}`]))
    const path = join(this.folder, 'package.json')
    const manifest = JSON.parse(readFileSync(path, 'utf8'))
    const node = `node-${process.platform}-${process.arch}`
    manifest.dependencies = { ...archives, [node]: this.#nodeVersion, '@types/node': '24', esbuild: '0.28.2' }
    writeFileSync(path, JSON.stringify(manifest))
    // The packages depend on each other by version, and no registry has these versions yet.
    writeFileSync(join(this.folder, 'pnpm-workspace.yaml'), JSON.stringify({ overrides: archives }))
    if (this.#manager === 'npm') {
      this.#run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'])
    } else {
      this.#run(join(this.#tools, 'node_modules/.bin/pnpm'), ['install', '--ignore-scripts', '--reporter=silent'])
    }
  }

  /** Checks that every entry point is found, with its types. */
  importAll(packages: readonly PackedPackage[]): void {
    const all = packages.flatMap(({ entryPoints }) => entryPoints)
    const imports = all.map((name, index) => `import * as all${index} from '${name}'`).join('\n')
    const uses = all.map((_, index) => `all${index}`).join(', ')
    this.#write('all.mts', `${imports}\nconsole.log([${uses}].length)\n`)
    this.#checkTypes('nodenext', 'nodenext', 'all.mts')
    run('node', ['all.mts'], { cwd: this.folder, env: this.#env })
    this.#report(`${all.length} entry points are found, with types`)
  }

  /** Follows `docs/guide/project.md`, with a free port. */
  async followGuide(): Promise<void> {
    const port = String(await freePort())
    const blocks = codeBlocks(readFileSync(PAGE_OF_DOCS, 'utf8').replaceAll(PORT_OF_DOCS, port))
    for (const { language, code } of blocks) {
      const [, name] = /^\/\/ (\S+\.ts)\n/.exec(code) ?? []
      if (language === 'ts' && name !== undefined) this.#write(name, code)
    }
    this.#shell('npm pkg set type=commonjs', '')
    this.#shell('npx millrace run job.ts', '', /JOB_FILE_BROKEN.*npm pkg set type=module/s)
    let printed = ''
    for (const line of blocks.flatMap(({ language, marks, code }) =>
      language === 'sh' && marks.length === 0 ? code.trim().split('\n') : [],
    )) {
      if (/^npm (init|install) /.test(line)) continue
      if (line.startsWith('npx millrace run ')) await this.#start(line)
      else printed += this.#shell(line)
    }
    await this.#stop()
    for (const { marks, code } of blocks) if (marks.includes('stopped')) printed += this.#shell(code)
    if (!/^k +42$/m.test(printed) || !/^42$/m.test(printed) || !/^written: 7$/m.test(printed))
      throw new Error(`The guide's commands printed:\n${printed}`)
    this.#report(
      'the guide leads to a job with a test, and to programs that write its topic, read its view, and run it themselves',
    )
  }

  /** Checks that a bundler finds the client for a page, and that types are found as bundlers resolve them. */
  bundle(): void {
    this.#write('page.ts', PAGE)
    this.#checkTypes('esnext', 'bundler', 'page.ts')
    const esbuild = join(this.folder, 'node_modules/esbuild/bin/esbuild')
    run(esbuild, ['page.ts', '--bundle', '--platform=browser', '--format=esm', '--outfile=page.js'], {
      cwd: this.folder,
    })
    const page = readFileSync(join(this.folder, 'page.js'), 'utf8')
    if (/from\s*"node:|require\("/.test(page)) throw new Error('The bundle for a page needs Node')
    this.#report(`the client is bundled for a page: ${Math.ceil(page.length / 1024)} kB`)
  }

  /** Runs a shell command, as a user whose Node is the project's. */
  #shell(line: string, input = '', fails?: RegExp): string {
    return run('bash', ['-c', line], { cwd: this.folder, input, env: this.#env, ...(fails !== undefined && { fails }) })
  }

  /** Starts a job, and waits until its views are served. */
  async #start(line: string): Promise<void> {
    const job = spawn('bash', ['-c', line], { cwd: this.folder, env: { ...process.env, ...this.#env }, detached: true })
    this.#running = job
    for await (const line of createInterface(job.stderr)) if (line.includes('served at')) return
    throw new Error(`${line} ended before it served its views`)
  }

  /** Presses Ctrl-C: the terminal signals every process that was started. */
  async #stop(): Promise<void> {
    const job = this.#running
    if (job?.pid === undefined) return
    const ended = once(job, 'close')
    process.kill(-job.pid, 'SIGINT')
    await ended
  }

  get #env(): { readonly PATH: string } {
    const node = join(this.folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin')
    return { PATH: [node, process.env['PATH']].join(delimiter) }
  }

  #checkTypes(module: string, resolution: string, file: string): void {
    const options = ['--noEmit', '--module', module, '--moduleResolution', resolution, '--target', 'es2024', '--strict']
    const compiler = join(repository, 'node_modules/typescript/bin/tsc')
    run('node', [compiler, ...options, '--types', 'node', file], { cwd: this.folder, env: this.#env })
  }

  /** The project's own Node, once it is installed, runs what a package manager runs. */
  #run(command: string, args: readonly string[]): void {
    const path = [join(repository, 'node_modules/.bin'), process.env['PATH']].join(delimiter)
    run(command, args, { cwd: this.folder, env: { PATH: path } })
  }

  #write(name: string, content: string): void {
    writeFileSync(join(this.folder, name), content)
  }

  #report(what: string): void {
    console.log(`${this.#manager}, Node ${this.#nodeVersion}: ${what}`)
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('The server has no port')
  return address.port
}

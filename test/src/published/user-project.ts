import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { type PackedPackage, repository } from './pack-all.ts'
import { run } from './run.ts'

export type PackageManager = 'npm' | 'pnpm'

const JOB = `import { int32, job, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: int32() })
export const sums = stream(numbers).groupByKey().reduce('sums', (a, b) => a + b)
export default job('summing', sums)
`

const CLIENT = `import { MillraceClient } from '@millrace/client'
import { sums } from './job.mts'

const [, , url = '', token = ''] = process.argv
console.log(await new MillraceClient(url, { token }).view(sums).get('k'))
`

/** What a page of a browser would have; a bundle of it must need nothing of Node. */
const PAGE = `import { MillraceClient } from '@millrace/client'

export const read = (url: string, token: string) => new MillraceClient(url, { token }).view('sums').get('k')
`

/** A project outside of the repository, with a Node of its own. */
export class UserProject {
  readonly folder: string
  readonly #manager: PackageManager
  readonly #nodeVersion: string
  readonly #tools: string

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
    // The packages name each other by version, and no registry has them yet.
    writeFileSync(join(this.folder, 'pnpm-workspace.yaml'), JSON.stringify({ overrides: archives }))
    if (this.#manager === 'npm') {
      this.#run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'])
    } else {
      this.#run(join(this.#tools, 'node_modules/.bin/pnpm'), ['install', '--ignore-scripts', '--reporter=silent'])
    }
  }

  /** Every entry point is found, with its types. */
  importAll(packages: readonly PackedPackage[]): void {
    const all = packages.flatMap(({ entryPoints }) => entryPoints)
    const imports = all.map((name, index) => `import * as all${index} from '${name}'`).join('\n')
    const uses = all.map((_, index) => `all${index}`).join(', ')
    this.#write('all.mts', `${imports}\nconsole.log([${uses}].length)\n`)
    this.#checkTypes('nodenext', 'nodenext', 'all.mts')
    this.#node(['all.mts'])
    this.#say(`${all.length} entry points are found, with types`)
  }

  /** Writes a job, runs it as the documents say, and reads its view from a program. */
  async runJob(): Promise<void> {
    this.#write('job.ts', JOB)
    this.#write('job.mts', JOB)
    this.#write('client.mts', CLIENT)
    this.#millrace(['topics', 'create', 'numbers'])
    this.#millrace(['topics', 'produce', 'numbers', '--records'], { input: '{"key":"k","valueBase64":"AAAAKg=="}\n' })
    this.#millrace(['run', 'job.ts'], { fails: /JOB_FILE_BROKEN.*npm pkg set type=module/s })
    this.#millrace(['run', 'job.mts', '--until-end'])
    const found = await this.#whileRunning((url, token) => [
      this.#millrace(['query', 'sums', 'k', '--json']),
      this.#node(['client.mts', url, token]),
    ])
    const expected = ['{"key":"k","value":42}\n', '42\n']
    if (String(found) !== String(expected)) throw new Error(`The view is ${JSON.stringify(found)}`)
    run('npm', ['pkg', 'set', 'type=module'], { cwd: this.folder })
    this.#millrace(['run', 'job.ts', '--until-end'])
    this.#say('a job runs, and its view is read from the command line and from a program')
  }

  /** A bundler finds the client for a page, and types are found as bundlers resolve them. */
  bundle(): void {
    this.#write('page.ts', PAGE)
    this.#checkTypes('esnext', 'bundler', 'page.ts')
    const esbuild = join(this.folder, 'node_modules/esbuild/bin/esbuild')
    run(esbuild, ['page.ts', '--bundle', '--platform=browser', '--format=esm', '--outfile=page.js'], {
      cwd: this.folder,
    })
    const page = readFileSync(join(this.folder, 'page.js'), 'utf8')
    if (/from\s*"node:|require\("/.test(page)) throw new Error('The bundle for a page needs Node')
    this.#say(`the client is bundled for a page: ${Math.ceil(page.length / 1024)} kB`)
  }

  async #whileRunning<T>(use: (url: string, token: string) => T): Promise<T> {
    const token = 'a-token-of-this-project'
    const command = [this.#nodePath, [this.#commandPath, 'run', 'job.mts']] as const
    const job = spawn(...command, { cwd: this.folder, env: { ...process.env, MILLRACE_TOKEN: token } })
    const ended = once(job, 'close')
    try {
      for await (const line of createInterface(job.stderr)) {
        const [, url] = /served at (http:\S+)/.exec(line) ?? []
        if (url !== undefined) return use(url, token)
      }
      throw new Error('The job ended before it served its views')
    } finally {
      job.kill('SIGTERM')
      await ended
    }
  }

  get #nodePath(): string {
    return join(this.folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  }

  get #commandPath(): string {
    return join(this.folder, 'node_modules/millrace/bin/millrace.js')
  }

  #millrace(args: readonly string[], options: { readonly input?: string; readonly fails?: RegExp } = {}): string {
    return run(this.#nodePath, [this.#commandPath, ...args], { cwd: this.folder, ...options })
  }

  #node(args: readonly string[]): string {
    return run(this.#nodePath, args, { cwd: this.folder })
  }

  #checkTypes(module: string, resolution: string, file: string): void {
    const options = ['--noEmit', '--module', module, '--moduleResolution', resolution, '--target', 'es2024', '--strict']
    const compiler = join(repository, 'node_modules/typescript/bin/tsc')
    this.#node([compiler, ...options, '--allowImportingTsExtensions', '--types', 'node', file])
  }

  /** What a package manager runs is run by the project's own Node, once that is there. */
  #run(command: string, args: readonly string[]): void {
    const path = [join(repository, 'node_modules/.bin'), process.env['PATH']].join(delimiter)
    run(command, args, { cwd: this.folder, env: { PATH: path } })
  }

  #write(name: string, content: string): void {
    writeFileSync(join(this.folder, name), content)
  }

  #say(what: string): void {
    console.log(`${this.#manager}, Node ${this.#nodeVersion}: ${what}`)
  }
}

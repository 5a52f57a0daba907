import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { ArtefactResults, ArtefactSteps } from './artefact-process.ts'

const MILLRACE = fileURLToPath(new URL('../../../../../node_modules/@millrace', import.meta.url))
const PROCESS = fileURLToPath(new URL('artefact-process.ts', import.meta.url))

/** A project as a user has it, with its own packages, and a data directory. It is deleted when the test ends. */
export class ProjectFolder {
  readonly path: string
  readonly data: string

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.path = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-artefact-')))
    this.data = join(this.path, 'data')
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }))
    this.write('package.json', '{ "type": "module" }')
    mkdirSync(join(this.path, 'node_modules'))
    symlinkSync(MILLRACE, join(this.path, 'node_modules/@millrace'))
    for (const [name, content] of Object.entries(files)) this.write(name, content)
  }

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    return path
  }

  /** Installs a package with these files. */
  install(name: string, manifest: object, files: Readonly<Record<string, string>>): void {
    const folder = `node_modules/${name}`
    this.write(`${folder}/package.json`, JSON.stringify({ name, version: '1.0.0', ...manifest }))
    for (const [file, content] of Object.entries(files)) this.write(`${folder}/${file}`, content)
  }

  /** Takes steps in another process; by default bundles `job.ts` and loads the artefact. */
  run(steps: Partial<ArtefactSteps> = {}): Promise<ArtefactResults> {
    const bundle = join(this.path, steps.bundle ?? 'job.ts')
    return artefactProcess({ data: this.data, load: 'last', ...steps, bundle })
  }

  /** Loads an artefact that was written before. */
  load(id: string): Promise<ArtefactResults> {
    return artefactProcess({ data: this.data, load: id })
  }
}

/** Runs the steps in a process of Node; throws what it wrote to stderr if it ends without results. */
export function artefactProcess(steps: ArtefactSteps): Promise<ArtefactResults> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--conditions=millrace-source', PROCESS, JSON.stringify(steps)])
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (text) => {
      stdout += text
    })
    child.stderr.on('data', (text) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? ''))
      else reject(new Error(`ended with ${code}: ${stderr}`))
    })
  })
}

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url))

/** A folder as a user has it: job files, the packages installed, and a data directory. */
export class UserFolder {
  readonly path: string
  readonly data: string

  constructor() {
    this.path = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-user-')))
    this.data = join(this.path, 'data')
    symlinkSync(NODE_MODULES, join(this.path, 'node_modules'))
    writeFileSync(join(this.path, 'package.json'), '{ "type": "module" }')
  }

  write(name: string, content: string): string {
    const path = join(this.path, name)
    writeFileSync(path, content)
    return path
  }

  directory(name: string): string {
    const path = join(this.path, name)
    mkdirSync(path)
    return path
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A job that sums numbers by key. */
export const SUMMING_JOB = `
import { int32, job, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: int32() })
export default job('summing', stream(numbers).groupByKey().reduce('sums', (a, b) => a + b))
`

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CommandResult, runCommand, succeedCommand } from './run-command.ts'

/** A folder with a data directory and files to import, for one test. */
export class DataFolder {
  readonly #path = mkdtempSync(join(tmpdir(), 'millrace-cli-'))

  get data(): string {
    return join(this.#path, 'data')
  }

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.#path, name)
    writeFileSync(path, content)
    return path
  }

  run(args: readonly string[], stdin?: string | Uint8Array): Promise<CommandResult> {
    return runCommand([...args, '--data', this.data], stdin)
  }

  succeed(args: readonly string[], stdin?: string | Uint8Array): Promise<Buffer> {
    return succeedCommand([...args, '--data', this.data], stdin)
  }

  /** A topic's records as `tail --json` prints them, a line each. */
  async tail(topic: string): Promise<string[]> {
    const text = await this.succeed(['topics', 'tail', topic, '--from', 'start', '--until-end', '--json'])
    return text.toString().split('\n').filter(Boolean)
  }

  /** The text after `"value":` in each record. */
  async values(topic: string): Promise<string[]> {
    return (await this.tail(topic)).map((line) => /"value(?:Text|Base64)?":(.*)\}$/s.exec(line)?.[1] ?? '')
  }

  /** The keys of the records. */
  async keys(topic: string): Promise<unknown[]> {
    return (await this.tail(topic)).map((line) => {
      const { key, keyBase64 } = JSON.parse(line)
      return keyBase64 === undefined ? key : Buffer.from(keyBase64, 'base64')
    })
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true, force: true })
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('run-member.ts', import.meta.url))

/** One of the processes that share the job. */
export class Member {
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  readonly #watching = new Set<() => void>()
  /** All lines that it wrote. */
  output = ''
  #gone = false

  constructor(directory: string, sessionTimeoutMs: number) {
    const args = ['--conditions=millrace-source', PROGRAM, directory, `${sessionTimeoutMs}`]
    this.#child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk
        this.#changed()
      })
    }
    this.ended = new Promise((resolve) => {
      this.#child.on('close', () => {
        this.#gone = true
        this.#changed()
        resolve()
      })
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** The error that stopped it; undefined if no error did. */
  get failure(): string | undefined {
    const { exitCode } = this.#child
    return exitCode === null || exitCode === 0 ? undefined : this.output
  }

  /** How often it was fenced and joined again. */
  get rejoined(): number {
    return this.output.match(/joins again/g)?.length ?? 0
  }

  /** How many orders its committed views count, by customer and by product, as it last reported. */
  get counts(): readonly [number, number] {
    const [, byCustomer = '0', byProduct = '0'] =
      this.output
        .match(/^holds .*$/gm)
        ?.at(-1)
        ?.split(' ') ?? []
    return [Number(byCustomer), Number(byProduct)]
  }

  /** Resolves when it is a member: it has reported how many orders its views hold. */
  async joined(): Promise<void> {
    await this.until(() => /^holds/m.test(this.output))
  }

  /** Resolves when a line that it writes makes `condition` true. Rejects if it ends before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#gone) throw new Error(`The member ended too early: ${this.output}`)
      await new Promise<void>((resolve) => this.#watching.add(resolve))
    }
  }

  #changed(): void {
    const watching = [...this.#watching]
    this.#watching.clear()
    for (const each of watching) each()
  }
}

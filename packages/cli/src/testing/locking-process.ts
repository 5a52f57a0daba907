import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('hold-lock.ts', import.meta.url))

/** A real process that holds the lock of a file, and may be stopped. */
export class LockingProcess implements AsyncDisposable {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid ?? 0
    this.#ended = once(child, 'exit')
  }

  /** Starts it; resolves when it has the lock. */
  static async start(path: string): Promise<LockingProcess> {
    const child = spawn(process.execPath, ['--conditions=millrace-source', PROGRAM, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const started = new LockingProcess(child)
    const [line] = await once(child.stdout, 'data')
    if (String(line) !== 'locked\n') throw new Error(`The lock of ${path} is taken`)
    return started
  }

  /** Stops it, as Ctrl-Z does. */
  stop(): void {
    this.#child.kill('SIGSTOP')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}

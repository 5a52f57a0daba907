import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Ended, runJob, ScratchDirectory } from './job-process.ts'

const SOURCE = fileURLToPath(new URL('faulty-writes.c', import.meta.url))

/** A library that breaks one write of a run. The machine's own compiler compiles it. */
export class FaultyWrites implements Disposable {
  readonly #scratch = new ScratchDirectory()

  /** Undefined if there is no compiler. */
  static compile(): FaultyWrites | undefined {
    const faulty = new FaultyWrites()
    try {
      execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', faulty.#library, SOURCE, '-ldl'], { stdio: 'pipe' })
      return faulty
    } catch (error) {
      faulty[Symbol.dispose]()
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    }
  }

  /** How many writes a whole run makes. */
  async count(): Promise<number> {
    using scratch = new ScratchDirectory()
    const { output } = await this.run(scratch.path, 'short', 0)
    const [, writes = '0'] = /^writes (\d+)$/m.exec(output) ?? []
    return Number(writes)
  }

  /** Runs the job with its n-th write broken. */
  run(directory: string, mode: 'torn' | 'short', write: number): Promise<Ended> {
    const faults = { FAULTY_DIRECTORY: `${directory}/`, FAULTY_WRITE: `${write}`, FAULTY_MODE: mode }
    return runJob(directory, { environment: { LD_PRELOAD: this.#library, ...faults } })
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]()
  }

  get #library(): string {
    return `${this.#scratch.path}/faulty-writes.so`
  }
}

import { PassThrough, Readable } from 'node:stream'
import pc from 'picocolors'
import { program } from '../program.ts'
import { reportError } from '../report-error.ts'

/** The result of a command that ran in this process. */
export interface CommandResult {
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
}

/** Runs `millrace …` in this process, because a property runs it hundreds of times. */
export async function runCommand(args: readonly string[], stdin: string | Uint8Array = ''): Promise<CommandResult> {
  const [out, err] = [new Collected(), new Collected()]
  const stop = new AbortController()
  const io = {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: out.stream,
    stderr: err.stream,
    env: {},
    colors: pc.createColors(false),
    interactive: false,
    stopSignal: () => stop.signal,
  }
  let code = 0
  try {
    await program(io).parseAsync(['node', 'millrace', ...args])
  } catch (error) {
    code = reportError(io, error)
  }
  return { code, stdout: out.bytes, stderr: err.bytes.toString() }
}

/** As `runCommand`; throws what it wrote to stderr if it did not end with 0. */
export async function succeedCommand(args: readonly string[], stdin: string | Uint8Array = ''): Promise<Buffer> {
  const { code, stdout, stderr } = await runCommand(args, stdin)
  if (code !== 0) throw new Error(`millrace ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

class Collected {
  readonly stream = new PassThrough()
  readonly #chunks: Buffer[] = []

  constructor() {
    this.stream.on('data', (chunk: Buffer) => this.#chunks.push(chunk))
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}

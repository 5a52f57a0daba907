import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const COMMAND = fileURLToPath(new URL('../../../packages/cli/bin/millrace.js', import.meta.url))

/** The result of a command that has ended. */
export interface Ended {
  /** Its exit code; null if a signal killed it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A started `millrace …`: the real command in its own process. */
export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves with the first line of stderr or stdout that matches; rejects when the command ends without one. */
  line(pattern: RegExp): Promise<RegExpExecArray>
}

export interface CommandOptions {
  readonly stdin?: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export function start(args: readonly string[], options: CommandOptions = {}): Started {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
  })
  let stdout = ''
  let stderr = ''
  const waiting = new Set<() => void>()
  child.stdout.on('data', (text) => {
    stdout += text
    for (const check of waiting) check()
  })
  child.stderr.on('data', (text) => {
    stderr += text
    for (const check of waiting) check()
  })
  // A command that does not read its input may have ended before the input is written.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.stdin ?? '')
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const line = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const check = () => {
        const found = pattern.exec(`${stderr}\n${stdout}`)
        if (found === null) return
        waiting.delete(check)
        resolve(found)
      }
      waiting.add(check)
      check()
      void ended.then((end) => reject(new Error(`millrace ${args.join(' ')} never said ${pattern}: ${end.stderr}`)))
    })
  return { child, ended, line }
}

/** Runs a command to its end. */
export function run(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  return start(args, options).ended
}

/** As `run`; throws with the output of the command if it did not end with 0. */
export async function succeed(args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await run(args, options)
  if (code !== 0) throw new Error(`millrace ${args.join(' ')} ended with ${code ?? signal}: ${stderr}`)
  return stdout
}

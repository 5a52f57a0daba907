import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { chunks } from './text-lines.ts'

const COMMAND = fileURLToPath(new URL('../bin/millrace.js', import.meta.resolve('millrace')))

/** A running `millrace …`. */
export interface Running {
  readonly child: ChildProcess
  /** Resolves when the command has ended with 0; otherwise rejects with the last line that it printed. */
  readonly done: Promise<void>
}

/**
 * Starts `millrace …`; `onLine` gets every line that it prints. The command does not get the terminal's Ctrl-C: the process
 * that started it ends it.
 */
export function millrace(args: readonly string[], onLine: (line: string) => void = () => undefined): Running {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let last = ''
  const listen = chunks((line) => {
    if (line !== '') last = line
    onLine(line)
  })
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  const done = new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`millrace ${args[0]} ended with ${code ?? signal}: ${last}`))
    })
  })
  return { child, done }
}

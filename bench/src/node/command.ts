import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const COMMAND = fileURLToPath(new URL('../../../packages/cli/bin/millrace.js', import.meta.url))

/** Starts `millrace …`; what it prints to stderr is printed if it fails. */
export function startCommand(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Runs a command to its end. Returns its stdout. */
export async function runCommand(args: readonly string[]): Promise<string> {
  const child = startCommand(args)
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (text) => {
    stdout += text
  })
  child.stderr?.on('data', (text) => {
    stderr += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`millrace ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { succeed } from './flights/command.ts'

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/millrace.js', import.meta.url))
/** More than one chunk of output. */
const LINES = Array.from({ length: 20_000 }, (_, line) => `line ${line}\n`).join('')

/** Runs a command whose stdout does not accept any output. */
async function runFull(args: readonly string[]): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const full = openSync('/dev/full', 'w')
  try {
    const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', full, 'pipe'] })
    let stderr = ''
    child.stderr?.on('data', (text) => {
      stderr += text
    })
    const [code] = await once(child, 'close')
    return { code, stderr }
  } finally {
    closeSync(full)
  }
}

test.runIf(process.platform === 'linux')(
  'output to a full disk exits with 1 and reports it, whatever form it has',
  { timeout: 60_000 },
  async () => {
    using folder = new UserFolder()
    const data = folder.directory('data')
    await succeed(['topics', 'create', 'lines', '--data', data])
    await succeed(['topics', 'produce', 'lines', '--data', data], { stdin: LINES })
    for (const args of [
      ['topics', 'list', '--data', data],
      ['topics', 'describe', 'lines', '--json', '--data', data],
      ['topics', 'tail', 'lines', '--from', 'start', '--limit', '3', '--data', data],
      ['topics', 'tail', 'lines', '--from', 'start', '--json', '--data', data],
      ['log', 'dump', 'lines', '0', '--data', data],
      ['--help'],
    ]) {
      const { code, stderr } = await runFull(args)
      expect(stderr, args.join(' ')).toMatch(/OUTPUT_FAILED: Stdout cannot be written.*ENOSPC/)
      expect(stderr).not.toMatch(/^\s+at /m)
      expect(stderr.match(/^[A-Z_]+:/gm), args.join(' ')).toHaveLength(1)
      expect(code, args.join(' ')).toBe(1)
    }
    // Output to stderr alone is not affected.
    expect(await runFull(['log', 'verify', '--data', data])).toMatchObject({ code: 0 })
  },
)

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/millrace.js', import.meta.url))

/**
 * Starts a command, and presses Ctrl-C as soon as its type check has a folder. A terminal signals every process that it
 * started.
 */
async function interrupted(folder: UserFolder, command: string, times: number) {
  const temporary = folder.directory(`tmp-${command}-${times}`)
  const args = [COMMAND, command, folder.write('job.ts', SUMMING_JOB)]
  const child = spawn(process.execPath, args, {
    cwd: folder.path,
    env: { ...process.env, TMPDIR: temporary, NODE_DISABLE_COMPILE_CACHE: '1' },
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (text) => {
    stderr += text
  })
  const ended = once(child, 'close')
  const checking = () => readdirSync(temporary).some((name) => name.startsWith('millrace-check-'))
  while (!checking() && child.exitCode === null) await new Promise((resolve) => setImmediate(resolve))
  const { pid } = child
  if (pid === undefined) throw new Error('The command did not start')
  for (let time = 0; time < times; time++) process.kill(-pid, 'SIGINT')
  const [code] = await ended
  return { code, stderr, left: readdirSync(temporary) }
}

test.skipIf(process.platform === 'win32')(
  'Ctrl-C in a type check ends the command without a word about types, and leaves no folder behind',
  { timeout: 60_000 },
  async () => {
    using folder = new UserFolder()
    expect(await interrupted(folder, 'run', 1)).toEqual({ code: 0, stderr: '', left: [] })
    expect((await interrupted(folder, 'run', 2)).left).toEqual([])
    expect(await interrupted(folder, 'topology', 1)).toEqual({ code: 130, stderr: '', left: [] })
  },
)

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, succeed } from './flights/command.ts'

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/millrace.js', import.meta.url))

/** Writes lines to a command's stdin without closing it, and presses Ctrl-C when the topic has `ready`. */
async function interrupted(folder: UserFolder, args: readonly string[], topic: string, ready: string) {
  const child = spawn(process.execPath, [COMMAND, 'topics', ...args, '--data', folder.data], {
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  const ended = once(child, 'close')
  child.stdin.write('{"id":1}\n{"id":2}\n')
  for (let found = ''; !found.includes(ready); ) {
    found = (await run(['topics', 'describe', topic, '--json', '--data', folder.data])).stdout
    if (child.exitCode !== null) throw new Error(`The command ended: ${output}`)
  }
  child.kill('SIGINT')
  const [code] = await ended
  return { code, output }
}

test.skipIf(process.platform === 'win32')(
  'Ctrl-C ends produce and an import from stdin with what they have appended',
  { timeout: 60_000 },
  async () => {
    using folder = new UserFolder()
    await succeed(['topics', 'create', 'a', '--data', folder.data])
    const produced = await interrupted(folder, ['produce', 'a'], 'a', '"end":2')
    expect(produced).toEqual({ code: 130, output: 'Interrupted: 2 records appended to a\n' })

    const args = ['import', 'b', '-', '--format', 'ndjson', '--key', 'id', '--event-time', 'now']
    const imported = await interrupted(folder, args, 'b', '"b"')
    expect(imported).toEqual({ code: 130, output: expect.stringMatching(/^Interrupted: [02] records imported into b/) })
  },
)

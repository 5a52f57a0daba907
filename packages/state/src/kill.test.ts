import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { changesOf, openLoopState, windowOf } from './testing/commit-loop.ts'
import { temporaryDirectory } from './testing/temporary-directory.ts'
import { entriesOf } from './testing/window-entries.ts'

const LOOP = fileURLToPath(new URL('testing/commit-loop.ts', import.meta.url))

test('A process killed at any moment leaves a state whose content is that of its position', async () => {
  const directory = join(temporaryDirectory(), 'state')
  let before = 0
  for (let round = 0; round < 6; round++) {
    const line = await commitUntilKilled(directory, 150 + ((round * 37) % 100))
    const { state, opened } = await openLoopState(directory)
    const { nextOffset } = state.position
    expect(opened).toBe('reused')
    // Everything that was reported as applied is there: the kernel has what a dead process wrote.
    expect(nextOffset).toBeGreaterThan(Math.max(line, before))
    expect(state.checkpoint.get('input')?.offset).toBe(nextOffset)
    const { totals, windows } = await contentOf(state)
    const expected = expectedAt(nextOffset)
    expect(totals).toEqual(expected.totals)
    expect(windows).toEqual(expected.windows)
    before = nextOffset - 1
    await state.close()
  }
}, 60_000)

test.skipIf(process.platform === 'win32')(
  'A write that the disk refuses is the last one, and what was applied before is there on reopening',
  async () => {
    const directory = join(temporaryDirectory(), 'state')
    // No file may grow past 64 blocks: LevelDB's log cannot take the commit that would exceed that.
    const limited = 'ulimit -f 64; exec "$0" --conditions=millrace-source "$1" "$2"'
    const child = spawn('bash', ['-c', limited, process.execPath, LOOP, directory])
    const [output, errors, [code]] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      once(child, 'exit'),
    ])
    expect(code).toBe(1)
    expect(errors).toMatch(/STATE_WRITE_FAILED/)
    const line = Number(output.split('\n').at(-2))
    const { state, opened } = await openLoopState(directory)
    expect([opened, state.position.nextOffset]).toEqual(['reused', line + 1])
    expect(await contentOf(state)).toEqual(expectedAt(line + 1))
    await state.close()
  },
  30_000,
)

/** Runs the loop until it has reported this many commits, and kills it during the next ones; returns the last one reported. */
async function commitUntilKilled(directory: string, commits: number): Promise<number> {
  const child = spawn(process.execPath, ['--conditions=millrace-source', LOOP, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  let output = ''
  for await (const chunk of child.stdout) {
    output += chunk
    if (output.split('\n').length > commits) child.kill('SIGKILL')
  }
  expect(await exited).toEqual([null, 'SIGKILL'])
  return Number(output.split('\n').at(-2))
}

function expectedAt(commits: number): Awaited<ReturnType<typeof contentOf>> {
  const totals = new Map<string, number>()
  const windows = new Map<string, number>()
  for (let n = 0; n < commits; n++) {
    const { start, expireBefore } = windowOf(n)
    changesOf(n, (key, value) => {
      for (const [map, id] of [
        [totals, key],
        [windows, `${start} ${key}`],
      ] as const) {
        if (value === undefined) map.delete(id)
        else map.set(id, value)
      }
    })
    for (const id of windows.keys()) if (Number.parseInt(id, 10) < expireBefore) windows.delete(id)
  }
  return { totals, windows }
}

async function contentOf(state: Awaited<ReturnType<typeof openLoopState>>['state']) {
  const { entries } = await state.committed<string, number>('totals').range({ limit: 1000 })
  const visited = entriesOf(state.windowStore<string, number>('windows'))
  const windows = new Map(visited.map(([key, start, value]) => [`${start} ${key}`, value]))
  const { entries: committed } = await state.committed<string, number>('windows').range({ limit: 1000 })
  expect(committed.length).toBe(windows.size)
  return { totals: new Map(entries.map(({ key, value }) => [key, value])), windows }
}

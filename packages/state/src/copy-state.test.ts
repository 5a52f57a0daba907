import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { copyState, readSavedState } from './copy-state.ts'
import { openLoopState } from './testing/commit-loop.ts'
import { temporaryDirectory } from './testing/temporary-directory.ts'

const LOOP = fileURLToPath(new URL('testing/commit-loop.ts', import.meta.url))

test('a copy of a state that another process writes is the state after one of its commits', async () => {
  const from = join(temporaryDirectory(), 'state')
  const child = spawn(process.execPath, ['--conditions=millrace-source', LOOP, from], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  let commits = 0
  child.stdout.on('data', (chunk: Buffer) => {
    commits = Number(chunk.toString().trimEnd().split('\n').at(-1))
  })
  const copies: { readonly directory: string; readonly atLeast: number }[] = []
  for (let round = 0; round < 10; round++) {
    const directory = join(temporaryDirectory(), 'copy')
    const atLeast = commits
    expect(await copyState(nodeEnv(), from, directory)).toBe(true)
    copies.push({ directory, atLeast })
    await once(child.stdout, 'data')
  }
  child.kill('SIGKILL')
  await once(child, 'exit')
  for (const { directory, atLeast } of copies) {
    const saved = await readSavedState(nodeEnv(), directory)
    expect(saved?.nextOffset).toBeGreaterThanOrEqual(atLeast)
    expect(saved?.checkpoint.get('input')?.offset).toBe(saved?.nextOffset)
    const { state, opened } = await openLoopState(directory)
    expect([opened, state.position.nextOffset]).toEqual(['reused', saved?.nextOffset])
    await state.close()
  }
})

test('tables of a copy share their bytes with the state', async () => {
  const from = join(temporaryDirectory(), 'state')
  await (await openLoopState(from)).state.close()
  // Each opening writes what the log holds to a table.
  await (await openLoopState(from)).state.close()
  const directory = join(temporaryDirectory(), 'copy')
  expect(await copyState(nodeEnv(), from, directory)).toBe(true)
  const tables = readdirSync(directory).filter((name) => name.endsWith('.ldb'))
  expect(tables.length).toBeGreaterThan(0)
  for (const name of tables) expect(statSync(`${directory}/${name}`).ino).toBe(statSync(`${from}/${name}`).ino)
})

test('what is not a whole state is not copied, and has no position', async () => {
  const from = temporaryDirectory()
  const directory = join(temporaryDirectory(), 'copy')
  writeFileSync(`${from}/CURRENT`, 'MANIFEST-000009\n')
  expect(await copyState(nodeEnv(), from, directory)).toBe(false)
  expect(existsSync(directory)).toBe(false)
  mkdirSync(directory)
  expect(await readSavedState(nodeEnv(), directory)).toBeUndefined()
  rmSync(directory, { recursive: true })
})

import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { makeWhole, ownBytesIn, removeWhole } from './savepoint-directory.ts'

function temporaryDirectory(): string {
  const directory = mkdtempSync(`${tmpdir()}/millrace-savepoint-directory-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

test('a file counts as own once it has no other name', () => {
  const directory = temporaryDirectory()
  mkdirSync(`${directory}/savepoint/log`, { recursive: true })
  writeFileSync(`${directory}/segment`, Buffer.alloc(1000))
  linkSync(`${directory}/segment`, `${directory}/savepoint/log/segment`)
  writeFileSync(`${directory}/savepoint/tail`, Buffer.alloc(24))
  expect(ownBytesIn(nodeEnv(), `${directory}/savepoint`)).toBe(24)
  rmSync(`${directory}/segment`)
  expect(ownBytesIn(nodeEnv(), `${directory}/savepoint`)).toBe(1024)
})

test('what fails leaves nothing, and what a crash left is removed by the next one', async () => {
  const directory = temporaryDirectory()
  mkdirSync(`${directory}/.making-1`)
  mkdirSync(`${directory}/.removing-1`)
  const failing = makeWhole(nodeEnv(), directory, 'one', async (making) => {
    writeFileSync(`${making}/a`, '')
    throw new Error('the disk is full')
  })
  await expect(failing).rejects.toThrow('the disk is full')
  expect(readdirSync(directory)).toEqual([])
  await makeWhole(nodeEnv(), directory, 'one', async (making) => writeFileSync(`${making}/a`, ''))
  expect(readdirSync(directory, { recursive: true })).toEqual(['one', 'one/a'])
  await removeWhole(nodeEnv(), directory, 'one')
  expect(readdirSync(directory)).toEqual([])
})

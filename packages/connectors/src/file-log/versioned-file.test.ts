import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { FileSystem } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { changedFile } from './testing/changed-file.ts'
import { withoutSyncs } from './testing/unsynced-files.ts'
import { VersionedFile } from './versioned-file.ts'

const env = withoutSyncs(nodeEnv())

let directory: string

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-versions-`)
})

afterEach(() => rmSync(directory, { recursive: true }))

const open = (files = env.files) => new VersionedFile(files, directory, 'state')

/** A publisher that stops after its look at the directory and before its link, until it is resumed. */
function stopped(before: number, text: string): { resume: () => Promise<boolean> } {
  const reached = Promise.withResolvers<void>()
  const files: FileSystem = {
    ...env.files,
    open: (path, mode) => {
      const file = env.files.open(path, mode)
      if (mode !== 'write') return file
      return changedFile(file, {
        sync: () => reached.promise,
      })
    },
  }
  const published = open(files).publish(before, text, 'stopped')
  return {
    resume: () => {
      reached.resolve()
      return published
    },
  }
}

test('changes of several processes at once are all made, one after the other', async () => {
  const add = async (writer: number) => {
    const file = open()
    for (let count = 0; count < 20; ) {
      const { number, text = '' } = file.read()
      if (await file.publish(number, `${text}${writer}`, `${writer}`)) count++
    }
  }
  await Promise.all([0, 1, 2, 3].map(add))
  const { number, text = '' } = open().read()
  expect(number).toBe(80)
  for (const writer of [0, 1, 2, 3]) expect(text.split(`${writer}`)).toHaveLength(21)
})

test('few versions are kept, and nothing else', async () => {
  const file = open()
  for (let number = 0; number < 50; number++) expect(await file.publish(number, `${number}`, 'one')).toBe(true)
  const names = Array.from({ length: 16 }, (_, index) => `state.${index + 35}.json`)
  expect(readdirSync(directory).sort()).toEqual(names)
})

test('a process that was stopped while others made few or many changes does not count its own change as made', async () => {
  for (const others of [1, 2, 15, 16, 17, 40]) {
    const file = open()
    const { number: before } = file.read()
    const late = stopped(before, 'late')
    for (let count = 0; count < others; count++) expect(await file.publish(before + count, 'theirs', 'one')).toBe(true)
    expect(await late.resume()).toBe(false)
    expect(file.read()).toEqual({ number: before + others, text: 'theirs' })
  }
})

test('a change whose temporary file was removed by those that count its process as dead is not made', async () => {
  const late = stopped(0, 'late')
  open().abandon('stopped')
  expect(await late.resume()).toBe(false)
  expect(readdirSync(directory)).toEqual([])
})

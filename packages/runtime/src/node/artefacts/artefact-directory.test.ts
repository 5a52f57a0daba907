import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeEnv } from '@millrace/core/node'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Artefact } from './artefact.ts'
import { artefactDirectory, listArtefacts, readArtefact, removeArtefact, writeArtefact } from './artefact-directory.ts'
import { sha256 } from './sha256.ts'
import { artefactWith } from './testing/artefact-with.ts'

const { files } = nodeEnv()

let data: string
let artefact: Artefact
let directory: string

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'millrace-artefacts-'))
  onTestFinished(() => rmSync(data, { recursive: true }))
  artefact = artefactWith('one')
  directory = artefactDirectory(data, artefact.id)
  await writeArtefact(files, data, artefact)
})

test('a written artefact is read as it was made', () => {
  expect(readArtefact(files, directory)).toEqual(artefact)
})

test('the id is the checksum of artefact.json, which has the checksum of every other file', () => {
  const manifest = readFileSync(join(directory, 'artefact.json'))
  expect(sha256(manifest)).toBe(artefact.id)
  const { files: listed } = JSON.parse(manifest.toString())
  expect(readdirSync(directory).sort()).toEqual(['artefact.json', ...listed.map(({ name }: { name: string }) => name)])
  for (const { name, sha256: sum } of listed) expect(sha256(readFileSync(join(directory, name)))).toBe(sum)
})

test('an artefact that is written twice stays as it is', async () => {
  const before = statSync(join(directory, 'job.mjs'))
  await writeArtefact(files, data, artefact)
  expect(statSync(join(directory, 'job.mjs')).ino).toBe(before.ino)
  expect(listArtefacts(files, data)).toEqual([artefact.id])
})

test('an artefact that is damaged is whole again when it is written again', async () => {
  rmSync(join(directory, 'job.mjs'))
  await writeArtefact(files, data, artefact)
  expect(readArtefact(files, directory)).toEqual(artefact)
})

test('what a killed process left half written does not count, and does not stop the next one', async () => {
  const left = join(data, 'node/artefacts/new')
  mkdirSync(left)
  writeFileSync(join(left, 'job.mjs'), 'half')
  expect(listArtefacts(files, data)).toEqual([artefact.id])
  const other = artefactWith('two')
  await writeArtefact(files, data, other)
  expect(listArtefacts(files, data)).toEqual([artefact.id, other.id].sort())
  expect(readArtefact(files, artefactDirectory(data, other.id))).toEqual(other)
})

test('a removed artefact is gone, and can be removed again', async () => {
  await removeArtefact(files, data, artefact.id)
  await removeArtefact(files, data, artefact.id)
  expect(listArtefacts(files, data)).toEqual([])
  expect(readdirSync(join(data, 'node/artefacts'))).toEqual(['lock'])
})

test('an id that is a path removes nothing', async () => {
  await removeArtefact(files, data, `../artefacts/${artefact.id}`)
  expect(listArtefacts(files, data)).toEqual([artefact.id])
})

test('a data directory without artefacts has an empty list', () => {
  expect(listArtefacts(files, join(data, 'nothing'))).toEqual([])
})

describe('an artefact is refused', () => {
  test('if it does not exist', () => {
    expect(() => readArtefact(files, artefactDirectory(data, 'ab'.repeat(32)))).toThrow(
      expect.objectContaining({ code: 'ARTEFACT_MISSING', message: expect.stringMatching(/abab.* does not exist/) }),
    )
  })

  test.each([
    ['a byte of the code was changed', () => flip('job.mjs'), /file job\.mjs was changed/],
    ['a byte of the source map was changed', () => flip('job.mjs.map'), /file job\.mjs\.map was changed/],
    ['a byte of artefact.json was changed', () => flip('artefact.json'), /artefact\.json differs/],
    [
      'a file has grown',
      () => appendFileSync(join(directory, 'job.mjs'), ' '),
      /job\.mjs is missing or has another size/,
    ],
    ['a file is missing', () => rmSync(join(directory, 'job.mjs')), /job\.mjs is missing or has another size/],
    ['artefact.json is missing', () => rmSync(join(directory, 'artefact.json')), /artefact\.json is missing/],
    [
      'artefact.json is too large',
      () => writeFileSync(join(directory, 'artefact.json'), ' '.repeat(1_048_577)),
      /artefact\.json is missing or too large/,
    ],
  ])('if %s', (_what, damage, message) => {
    damage()
    expect(() => readArtefact(files, directory)).toThrow(
      expect.objectContaining({ code: 'ARTEFACT_DAMAGED', message: expect.stringMatching(message) }),
    )
  })

  test('if its format is newer, whatever else is in it', () => {
    writeFileSync(join(directory, 'artefact.json'), '{ "format": 2 }')
    expect(() => readArtefact(files, directory)).toThrow(
      expect.objectContaining({
        code: 'ARTEFACT_VERSION',
        message: expect.stringMatching(/format 2, .* reads format 1\. Update/),
      }),
    )
  })
})

function flip(name: string): void {
  const path = join(directory, name)
  const content = readFileSync(path)
  content[content.length - 3] = (content.at(-3) ?? 0) ^ 1
  writeFileSync(path, content)
}

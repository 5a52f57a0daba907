import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { crc32c } from '@millrace/core/checksum'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { MANIFEST_FILE, readManifest, writeManifest } from './savepoint-manifest.ts'

const { files } = nodeEnv()
const manifest = { job: 'j', createdMs: 1, position: { t: { 0: 5 } }, topics: ['j.changelog'] }

async function written(): Promise<string> {
  const directory = mkdtempSync(`${tmpdir()}/millrace-manifest-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  await writeManifest(files, directory, manifest)
  return directory
}

test('a manifest is read as it was written', async () => {
  expect(readManifest(files, await written())).toEqual(manifest)
})

test('a manifest that is missing, cut or changed anywhere is refused', async () => {
  const directory = await written()
  const path = `${directory}/${MANIFEST_FILE}`
  const bytes = readFileSync(path)
  const refused = () =>
    expect(() => readManifest(files, directory)).toThrow(expect.objectContaining({ code: 'SAVEPOINT_DAMAGED' }))
  for (let at = 0; at < bytes.length - 1; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    writeFileSync(path, changed)
    refused()
    writeFileSync(path, bytes.subarray(0, at))
    refused()
  }
  rmSync(path)
  refused()
})

test('a manifest of a later format is refused', async () => {
  const directory = await written()
  const text = JSON.stringify({ format: 2, ...manifest })
  const bytes = Buffer.from(text)
  const checksum = crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0')
  writeFileSync(`${directory}/${MANIFEST_FILE}`, `${text}\n${checksum}\n`)
  expect(() => readManifest(files, directory)).toThrow(expect.objectContaining({ code: 'DATA_VERSION' }))
})

import { lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { requireOwnFiles } from './own-files.ts'

const FOREIGN = 12_345

function dataDirectory(): string {
  const data = mkdtempSync(join(tmpdir(), 'millrace-own-'))
  onTestFinished(() => rmSync(data, { recursive: true }))
  return data
}

// Only root can make a link of another user.
test
  .skipIf(process.getuid?.() !== 0)
  .each(['token', 'admin-token', 'node/node.log', 'node/lock', 'node/logs/counts/log.ndjson', 'node/artefacts'])(
  'a link of another user in the place of %s is refused, and one of this user is not',
  (name) => {
    const data = dataDirectory()
    const path = join(data, name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync('/etc/hostname', path)
    requireOwnFiles(data)
    lchownSync(path, FOREIGN, FOREIGN)
    expect(() => requireOwnFiles(data)).toThrow(
      expect.objectContaining({
        code: 'DATA_OWNER',
        message: expect.stringContaining(`${path} belongs to another user`),
      }),
    )
  },
)

test('a data directory that does not exist, or has no node, is accepted', () => {
  const data = dataDirectory()
  writeFileSync(join(data, 'token'), 'a')
  requireOwnFiles(data)
  requireOwnFiles(join(data, 'nothing'))
})

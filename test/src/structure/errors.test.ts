import { readFileSync } from 'node:fs'
import { ERROR_CODES, type ErrorCode, errorWithCode } from '@millrace/core'
import { expect, test } from 'vitest'
import { filesUnder, repository } from './source-files.ts'

const sections = readFileSync(new URL('docs/errors.md', repository), 'utf8').split(/^## /m).slice(1)
const titles = sections.map((section) => section.slice(0, section.indexOf('\n')))

test('docs/errors.md explains every error code, each once, and no other', () => {
  expect(titles.toSorted()).toEqual(Object.keys(ERROR_CODES).toSorted())
})

test.each(titles)('%s is explained in words, under the class that its code determines', (title) => {
  const [, code, className, text = ''] =
    /^(\w+)\n\nClass: `(\w+)`\n\n(.*)$/s.exec(sections[titles.indexOf(title)] ?? '') ?? []
  expect(className).toBe(errorWithCode(code as ErrorCode, '').name)
  expect(text.split(/\s+/).length).toBeGreaterThan(12)
})

/** The code whose errors users see: the command, the client, the views' server, and what reads a user's file or option. */
const USER_FACING = ['packages/cli/src', 'packages/client/src', 'packages/runtime/src/views', 'packages/core/src/dsl']

/** Files there that throw errors without a code: the code that catches them adds one, or they are faults of this program. */
const CAUGHT = new Map([
  ['packages/client/src/json-fields.ts', 'BAD_ANSWER'],
  ['packages/client/src/windowed-view.ts', 'BAD_ANSWER'],
  ['packages/cli/src/artefact/import-artefact.ts', 'JOB_FILE_BROKEN'],
  ['packages/cli/src/version.ts', 'INTERNAL_ERROR'],
  ['packages/core/src/dsl/sequence-process.ts', 'CALLBACK_FAILED'],
])

test('no error without a code reaches a user', () => {
  const found = filesUnder(USER_FACING, '.ts')
    .filter(({ path }) => !/\.test\.ts$|\/testing\//.test(path))
    .filter(({ text }) => /\bnew (?:Type|Range|Syntax)?Error\(/.test(text))
    .map(({ path }) => path)
  expect(found.toSorted()).toEqual([...CAUGHT.keys()].toSorted())
})

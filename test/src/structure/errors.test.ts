import { readFileSync } from 'node:fs'
import { ERROR_CODES } from '@millrace/core'
import { expect, test } from 'vitest'
import { repository } from './source-files.ts'

const sections = readFileSync(new URL('docs/errors.md', repository), 'utf8').split(/^## /m).slice(1)
const titles = sections.map((section) => section.slice(0, section.indexOf('\n')))

test('docs/errors.md explains every error code, each once, and no other', () => {
  expect(titles.toSorted()).toEqual(Object.keys(ERROR_CODES).toSorted())
})

test.each(titles)('%s is explained in words', (title) => {
  const text = sections[titles.indexOf(title)]?.slice(title.length).trim() ?? ''
  expect(text.split(/\s+/).length).toBeGreaterThan(12)
})

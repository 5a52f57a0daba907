import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { PLANTED_BUGS } from './planted-bugs.ts'

test.each(PLANTED_BUGS)('the planted bug "$name" can be planted in $file', ({ file, from }) => {
  const source = readFileSync(new URL(`../../../../${file}`, import.meta.url), 'utf8')
  expect(source.split(from)).toHaveLength(2)
})

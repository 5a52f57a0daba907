import { fstatSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { badInput } from '../input-error.ts'

/** Throws `BAD_INPUT` if stdin is a directory (`< dir`), which Node gives as a stream that holds nothing. */
export function checkStdin(stdin: Readable): undefined {
  if (!('fd' in stdin) || typeof stdin.fd !== 'number') return
  if (fstatSync(stdin.fd).isDirectory()) throw badInput('stdin is a directory. Give it the content of a file')
}

import { fstatSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { badInput } from '../input-error.ts'

/** Throws `BAD_INPUT` if stdin is a directory (`< dir`), which Node reads as an empty stream. */
export function checkStdin(stdin: Readable): undefined {
  if (!('fd' in stdin) || typeof stdin.fd !== 'number') return
  if (fstatSync(stdin.fd).isDirectory()) throw badInput('Stdin is a directory. Give it the content of a file')
}

import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { badInput } from '../input-error.ts'

/** So many random bytes cannot be guessed. They are 43 characters of text. */
const TOKEN_BYTES = 32
/** The minimum length of a token that a user chooses, in characters. */
const TOKEN_CHARACTERS_MIN = 16
const TOKEN = /^[A-Za-z0-9._~+/=-]+$/

/** The path of the token with which a node of a data directory accepts changes. Only its owner can read it. */
export function adminTokenFile(data: string): string {
  return join(resolve(data), 'admin-token')
}

/** The path of the token for the jobs of a data directory. Only its owner can read it. */
export function tokenFile(data: string): string {
  return join(resolve(data), 'token')
}

/**
 * The value of `MILLRACE_TOKEN`; undefined if it is not set. Throws `BAD_INPUT` if no header can hold it, or if it is easy
 * to guess.
 */
export function chosenToken(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const token = env['MILLRACE_TOKEN']
  if (token === undefined || token === '') return undefined
  if (token.length >= TOKEN_CHARACTERS_MIN && TOKEN.test(token)) return token
  throw badInput(
    `MILLRACE_TOKEN is not a valid token. Give at least ${TOKEN_CHARACTERS_MIN} letters, digits and any of ._~+/=-, or leave it out`,
  )
}

/** The token for reading in the data directory; undefined if it does not exist. */
export function storedToken(data: string): string | undefined {
  return tokenIn(tokenFile(data))
}

/** The token in the data directory with which a node accepts changes; undefined if it does not exist. */
export function storedAdminToken(data: string): string | undefined {
  return tokenIn(adminTokenFile(data))
}

/** The token for reading. It is made if it does not exist, and stays the same when jobs are started again. */
export function keptToken(data: string): string {
  return keptIn(data, tokenFile(data))
}

/** As `keptToken`, for changes. */
export function keptAdminToken(data: string): string {
  return keptIn(data, adminTokenFile(data))
}

function tokenIn(file: string): string | undefined {
  try {
    const token = readFileSync(file, 'utf8').trim()
    return token.length >= TOKEN_CHARACTERS_MIN && TOKEN.test(token) ? token : undefined
  } catch {
    return undefined
  }
}

function keptIn(data: string, file: string): string {
  const stored = tokenIn(file)
  if (stored !== undefined) {
    chmodSync(file, 0o600)
    return stored
  }
  mkdirSync(resolve(data), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${process.pid}.new`
  writeFileSync(temporary, `${randomBytes(TOKEN_BYTES).toString('base64url')}\n`, { mode: 0o600 })
  renameSync(temporary, file)
  // Another process may have written its own token in the meantime.
  return tokenIn(file) ?? keptIn(data, file)
}

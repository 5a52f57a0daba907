import { readFileSync } from 'node:fs'
import { type Env, MillraceError } from '@millrace/core'
import type { TlsCertificate } from '@millrace/runtime'
import { badUsage, unreadableFile } from '../input-error.ts'

/** Both files have a few kB. A program that renews them has some weeks for that, and ten seconds more do not matter. */
const CERTIFICATE_LOOK_MS = 10_000

/** The options of a command that serves with TLS. */
export interface TlsOptions {
  readonly tlsCert?: string
  readonly tlsKey?: string
}

/** The files of a certificate and its key. */
export interface TlsFiles {
  readonly certificate: string
  readonly key: string
}

/** The files that the options name; undefined if they name none. Throws `BAD_USAGE` for one without the other. */
export function tlsFiles({ tlsCert, tlsKey }: TlsOptions): TlsFiles | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert !== undefined && tlsKey !== undefined) return { certificate: tlsCert, key: tlsKey }
  throw badUsage('TLS needs both --tls-cert <file> and --tls-key <file>')
}

/** Reads the files. Throws `FILE_MISSING`, and `BAD_INPUT` if one cannot be read. */
export function readTlsFiles({ certificate, key }: TlsFiles): TlsCertificate {
  return { certificate: readText(certificate), key: readText(key) }
}

/**
 * Reads the files again and again, because what renews them may replace them, or a link to them, in one step or in several.
 * Calls `renew` with what has changed, and `warn` once for each reason why that cannot be used: then it is tried again. Ends
 * when the returned function is called.
 */
export function watchTlsFiles(
  files: TlsFiles,
  present: TlsCertificate,
  timers: Env['timers'],
  renew: (tls: TlsCertificate) => void,
  warn: (message: string) => void,
): () => void {
  let used = present
  let warned = ''
  const look = () => {
    timer = timers.after(CERTIFICATE_LOOK_MS, look)
    try {
      const found = readTlsFiles(files)
      if (found.certificate !== used.certificate || found.key !== used.key) {
        renew(found)
        used = found
      }
      warned = ''
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      if (error.message !== warned) warn(error.message)
      warned = error.message
    }
  }
  let timer = timers.after(CERTIFICATE_LOOK_MS, look)
  return () => timer.cancel()
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw unreadableFile(path, cause)
  }
}

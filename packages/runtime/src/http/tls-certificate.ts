import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { RefusedError } from '@millrace/core'

/** What a server proves with that it is the one that its clients mean. */
export interface TlsCertificate {
  /** The certificate, and those that link it to one that clients know, as PEM. */
  readonly certificate: string
  /** The private key of the certificate, as PEM, without a passphrase. */
  readonly key: string
}

/** Throws `CERTIFICATE_INVALID` for what no client would accept at that time. */
export function requireValid({ certificate, key }: TlsCertificate, nowMs: number): void {
  const parsed = certificateIn(certificate)
  if (!parsed.checkPrivateKey(keyIn(key))) throw invalid('The private key does not belong to the certificate')
  const { validFromDate, validToDate } = parsed
  if (nowMs >= validToDate.getTime()) throw invalid(`The certificate has expired at ${validToDate.toISOString()}`)
  if (nowMs < validFromDate.getTime()) {
    throw invalid(`The certificate is valid from ${validFromDate.toISOString()} on, which is later than now`)
  }
  try {
    createSecureContext({ cert: certificate, key })
  } catch (cause) {
    throw invalid(`TLS does not accept the certificate: ${reasonOf(cause)}`, cause)
  }
}

function certificateIn(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw invalid(`The certificate is not a certificate in PEM: ${reasonOf(cause)}`, cause)
  }
}

function keyIn(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw invalid(`The private key is not a key in PEM without a passphrase: ${reasonOf(cause)}`, cause)
  }
}

/** The reasons of OpenSSL name no content. */
function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function invalid(what: string, cause?: unknown): RefusedError {
  return new RefusedError('CERTIFICATE_INVALID', `${what}. Give the files of a valid certificate and its key`, {
    cause,
  })
}

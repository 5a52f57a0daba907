import { generateKeyPairSync, sign } from 'node:crypto'
import type { TlsCertificate } from '@millrace/runtime'

/** What differs from a certificate for `localhost` that is valid today. */
export interface SelfSignedOptions {
  readonly validFrom?: Date
  readonly validTo?: Date
}

const DAY_MS = 86_400_000

/** A new self-signed certificate for `localhost` and 127.0.0.1 (RFC 5280), with its key on the curve P-256. */
export function selfSigned({ validFrom, validTo }: SelfSignedOptions = {}): TlsCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(objectId([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]))
  const commonName = sequence(objectId([0x55, 0x04, 0x03]), der(0x0c, Buffer.from('localhost')))
  const name = sequence(der(0x31, commonName))
  const validity = sequence(
    time(validFrom ?? new Date(Date.now() - DAY_MS)),
    time(validTo ?? new Date(Date.now() + DAY_MS)),
  )
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])))
  const extensions = der(0xa3, sequence(sequence(objectId([0x55, 0x1d, 0x11]), der(0x04, names))))
  const version3 = der(0xa0, der(0x02, Buffer.from([2])))
  const serial = der(0x02, Buffer.from([1]))
  const key = publicKey.export({ type: 'spki', format: 'der' })
  const content = sequence(version3, serial, ecdsaWithSha256, name, validity, name, key, extensions)
  const signature = der(0x03, Buffer.from([0]), sign('sha256', content, privateKey))
  const certificate = sequence(content, ecdsaWithSha256, signature).toString('base64')
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** A value of ASN.1 in DER (X.690). */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts)
}

function objectId(bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes))
}

/** UTCTime, which is for the years up to 2049. */
function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/[-T:]|\.\d+/g, '')
  return der(0x17, Buffer.from(digits.slice(2)))
}

import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { RefusedError } from '../errors/millrace-error.ts'
import { isValidName } from '../names.ts'

/** A serde whose values had other forms before: it writes the last one, and reads all of them. */
export interface VersionedSerde<T> extends Serde<T> {
  /**
   * The next form of the values. `upgrade` makes a value of it from one of the form before; it is called whenever such a value is read.
   */
  next<Next>(serde: Serde<Next>, upgrade: (value: T) => Next): VersionedSerde<Next>
}

/** The serdes that may write the first form: their bytes never begin with `MARK`. */
const FIRST_SERDES = ['json', 'msgpack', 'string']

/** Neither UTF-8 nor MessagePack ever begins with this byte. Two bytes with the version follow, and the value's bytes. */
const MARK = 0xc1
const HEAD_BYTES = 3

/** A form of the values, and how it is made from the one before. */
interface Form {
  readonly serde: Serde<unknown>
  readonly upgrade: (value: unknown) => unknown
}

/**
 * Values that change their form over time, as state does that outlives many versions of a job. Each form has a serde. The first one is
 * what was written until now, by `json`, `msgpack` or `string`, and its bytes stay as they are: so a store that has existed without
 * versions can get them. A value keeps the form in which it was written until it is written again. A job with fewer
 * forms is refused once a job with more of them has run. Not for keys, since equal keys must have equal bytes.
 *
 * Throws `BAD_NAME` for a name that is not valid, and `JOB_INVALID` for another first serde.
 *
 * ```ts
 * const account = serde
 *   .versioned('account', json<{ cents: number }>())
 *   .next(json<{ amount: number; currency: string }>(), ({ cents }) => ({ amount: cents / 100, currency: 'EUR' }))
 * ```
 */
export function versionedSerde<T>(name: string, first: Serde<T>): VersionedSerde<T> {
  if (!isValidName(name)) {
    throw new RefusedError(
      'BAD_NAME',
      `Text ${JSON.stringify(name)} is not a valid name for a serde: it must have letters or digits. Choose another name`,
    )
  }
  if (!FIRST_SERDES.includes(first.name)) {
    throw new RefusedError(
      'JOB_INVALID',
      `Serde ${first.name} cannot write the first version of ${name}: its bytes may look like those of a later version. Begin with ` +
        `${FIRST_SERDES.join(', ')}`,
    )
  }
  return serdeOf(name, [{ serde: first as Serde<unknown>, upgrade: (value) => value }])
}

function serdeOf<T>(name: string, forms: readonly [Form, ...Form[]]): VersionedSerde<T> {
  const version = forms.length
  const last = (forms.at(-1) as Form).serde
  const { normalize } = last
  return {
    name: `${name}@${version}(${forms[0].serde.name})`,
    order: 'none',
    primitive: false,
    encode(value: T, out: ByteWriter): void {
      if (version > 1) {
        out.reserve(HEAD_BYTES)
        out.buffer[out.position] = MARK
        out.buffer.writeUInt16BE(version, out.position + 1)
        out.position += HEAD_BYTES
      }
      last.encode(value, out)
    },
    ...(normalize !== undefined && { normalize: (value: T) => normalize(value) as T }),
    decode(bytes: Buffer, start: number, end: number): T {
      const isMarked = bytes[start] === MARK && end - start >= HEAD_BYTES
      const written = isMarked ? bytes.readUInt16BE(start + 1) : 1
      const form = forms[written - 1]
      if (form === undefined) {
        throw new Error(`it was written as version ${written} of ${name}, and this job reads versions 1 to ${version}`)
      }
      const read = form.serde.decode(bytes, isMarked ? start + HEAD_BYTES : start, end)
      return forms.slice(written).reduce((value, { upgrade }) => upgrade(value), read) as T
    },
    toJson: (value) => last.toJson(value),
    fromJson: (json) => last.fromJson(json) as T,
    next: (serde, upgrade) =>
      serdeOf(name, [...forms, { serde: serde as Serde<unknown>, upgrade: upgrade as Form['upgrade'] }]),
  }
}

/** A serde with versions, as its name states it, alone or within the name of another one: `nullable(account@2(json))`. */
const VERSIONS = /([A-Za-z0-9][A-Za-z0-9._-]*)@(\d+)\((\w+)\)/

/** Whether a name is that of a serde with versions. */
export function isVersioned(name: string): boolean {
  return VERSIONS.test(name)
}

/**
 * Whether a serde named `wanted` reads what a serde named `found` wrote: it is the same one, or has the same versions and further ones,
 * or has versions that begin with what `found` names.
 */
export function readsSerde(wanted: string, found: string): boolean {
  if (wanted === found) return true
  const [all, name, version, first] = VERSIONS.exec(wanted) ?? []
  if (all === undefined) return false
  const at = wanted.indexOf(all)
  const [before, after] = [wanted.slice(0, at), wanted.slice(at + all.length)]
  const earlier = Array.from({ length: Number(version) }, (_, index) => `${name}@${index + 1}(${first})`)
  return [first, ...earlier].some((text) => {
    const start = `${before}${text}`
    return found.startsWith(start) && readsSerde(after, found.slice(start.length))
  })
}

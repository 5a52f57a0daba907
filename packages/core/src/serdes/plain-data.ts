import { describeValue } from './describe-value.ts'

/**
 * How deep arrays and objects may be nested. Writing uses the stack, about 150 B a level of the 1 MB that it has. Data is
 * hardly ever 20 deep, so a value that is deeper than this contains itself.
 */
const DEPTH_MAX = 1000

export interface PlainDataOptions {
  /** The format's name, for messages. */
  readonly format: string
  /** Numbers that are not finite, dates and bytes are carried. Text must be Unicode, because it is written as UTF-8. */
  readonly binary?: boolean
  /** A value that has a `toJSON` stands for what that returns. */
  readonly toJson?: boolean
}

/**
 * Plain data: what JSON can carry, and, in a binary format, what else that format carries. Only their data decides whether
 * two values are equal: a field that is undefined counts as absent, -0 is 0, an array is its elements, an object its own
 * enumerable fields whose names are strings.
 */
export class PlainData {
  readonly #format: string
  readonly #binary: boolean
  readonly #toJson: boolean

  constructor({ format, binary = false, toJson = false }: PlainDataOptions) {
    this.#format = format
    this.#binary = binary
    this.#toJson = toJson
  }

  /**
   * The value as reading it back returns it: nearly always the same object, else an equal one (see above). Throws for a value
   * that would be read back as something else, with the place in the value.
   */
  normalize(value: unknown): unknown {
    return isExact(value, this.#binary, 0) ? value : this.#copy(value, 0)
  }

  #copy(value: unknown, depth: number): unknown {
    if (typeof value === 'object' && value !== null) return this.#copyObject(value, depth)
    if (value === 0) return 0
    if (isExact(value, this.#binary, depth)) return value
    if (typeof value === 'string') throw new NotCarried('has half a surrogate pair, which UTF-8 cannot carry')
    if (typeof value === 'number') throw new NotCarried(`is ${value}, which ${this.#format} cannot express`)
    throw new NotCarried(`is ${describeValue(value)}, which ${this.#format} cannot express`)
  }

  #copyObject(value: object, depth: number): unknown {
    if (depth >= DEPTH_MAX) throw new NotCarried(`is ${DEPTH_MAX} levels deep, or contains itself`)
    if (Array.isArray(value) && isOfBuiltIn(value)) {
      return Array.from(value, (element, at) => this.#copyIn(element, `[${at}]`, depth))
    }
    if (!isPlainObject(value)) return this.#copySpecial(value, depth)
    const copies: [string, unknown][] = []
    for (const [name, field] of Object.entries(value)) {
      if (field === undefined) continue
      const place = placeOf(name)
      if (this.#binary && !isBinaryName(name))
        throw new NotCarried(`has a name that ${this.#format} cannot carry`, place)
      copies.push([name, this.#copyIn(field, place, depth)])
    }
    // An assignment to `__proto__` would not make a field; this does.
    return Object.fromEntries(copies)
  }

  #copyIn(value: unknown, place: string, depth: number): unknown {
    try {
      return this.#copy(value, depth + 1)
    } catch (error) {
      if (error instanceof NotCarried) error.isIn(place)
      throw error
    }
  }

  #copySpecial(value: object, depth: number): unknown {
    if (value instanceof Promise) throw new NotCarried('is a promise: what creates it must be synchronous')
    if (this.#binary && value instanceof Uint8Array) return new Uint8Array(value)
    if (this.#binary && isDate(value)) return value
    if (this.#toJson && 'toJSON' in value && typeof value.toJSON === 'function') {
      const json: unknown = value.toJSON()
      if (json !== null) return this.#copy(json, depth + 1)
    }
    throw new NotCarried(`is ${describeValue(value)}, which ${this.#format} would read as something else`)
  }
}

/** Whether reading a value back returns exactly this value. Called for each value that is stored or written. */
function isExact(value: unknown, binary: boolean, depth: number): boolean {
  switch (typeof value) {
    case 'string':
      return !binary || value.isWellFormed()
    case 'boolean':
      return true
    case 'number':
      return isExactNumber(value, binary)
    case 'object':
      return value === null || (depth < DEPTH_MAX && isExactObject(value, binary, depth))
    default:
      return false
  }
}

function isExactObject(value: object, binary: boolean, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype) {
    for (const name in value) {
      if (binary && !isBinaryName(name)) return false
      if (!isExact(fieldOf(value, name), binary, depth + 1)) return false
    }
    return true
  }
  if (Array.isArray(value)) return prototype === Array.prototype && isExactArray(value, binary, depth)
  return binary && (prototype === Uint8Array.prototype || isDate(value))
}

/**
 * Not in the loop itself: V8 compiles the loop for one name, if other names were read in a faster way than the one that it
 * learns from. It then discards the code and compiles it again at each other name, for good.
 */
function fieldOf(value: object, name: string): unknown {
  return (value as Readonly<Record<string, unknown>>)[name]
}

function isExactArray(value: readonly unknown[], binary: boolean, depth: number): boolean {
  for (let at = 0; at < value.length; at++) if (!isExact(value[at], binary, depth + 1)) return false
  return true
}

function isExactNumber(value: number, binary: boolean): boolean {
  return value === 0 ? !Object.is(value, -0) : binary || Number.isFinite(value)
}

/** What a value has that its format cannot carry, and where. */
class NotCarried extends Error {
  readonly #what: string
  #place: string

  constructor(what: string, place = '') {
    super(`the value${place} ${what}`)
    this.#what = what
    this.#place = place
  }

  /** Records the place in something larger at which the value stands. */
  isIn(place: string): void {
    this.#place = place + this.#place
    this.message = `value${this.#place} ${this.#what}`
  }
}

function placeOf(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}

/** Names that MessagePack's decoder returns as they are. */
function isBinaryName(name: string): boolean {
  return name !== '__proto__' && name.isWellFormed()
}

/** An object literal, or what parsing JSON returns; of whatever realm, with or without the prototype of all objects. */
function isPlainObject(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** A date, but not of a class that extends dates. */
function isDate(value: object): boolean {
  return Object.prototype.toString.call(value) === '[object Date]' && isOfBuiltIn(value)
}

/** Whether the class of an object directly extends that of all objects. */
function isOfBuiltIn(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value)
  return prototype !== null && isPlainObject(prototype)
}

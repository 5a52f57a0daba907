/** One client that follows a view's changes. */
export interface Follower {
  /** Takes the Server-Sent Events of one commit, encoded. */
  send(events: Buffer): void
  /** A task of the view stopped: the events after that would have gaps. */
  end(): void
}

/** Which changes a follower wants: all, those of one key, or those of the keys that start with a text. Keys are as URLs write them. */
export type Wanted =
  | { readonly of: 'all' }
  | { readonly of: 'key'; readonly key: string }
  | { readonly of: 'prefix'; readonly prefix: string }

/**
 * The followers of a view, found by the keys that change. Finding those of a key costs a look-up for the key and one for each
 * different length of a prefix, however many followers there are.
 */
export class Followers<F extends Follower = Follower> {
  readonly #all = new Set<F>()
  readonly #byKey = new Map<string, Set<F>>()
  readonly #byPrefix = new Map<string, Set<F>>()
  /** How many prefixes there are of each length. */
  readonly #prefixLengths = new Map<number, number>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Those that want every change. */
  get ofAll(): ReadonlySet<F> {
    return this.#all
  }

  /** Whether some want only the changes of some keys. */
  get hasSelective(): boolean {
    return this.#byKey.size + this.#byPrefix.size > 0
  }

  /** Adds a follower. Returns the function that removes it. */
  add(follower: F, wanted: Wanted): () => void {
    this.#size++
    if (wanted.of === 'all') this.#all.add(follower)
    else if (wanted.of === 'key') addTo(this.#byKey, wanted.key, follower)
    else if (addTo(this.#byPrefix, wanted.prefix, follower)) this.#countLength(wanted.prefix, 1)
    let removed = false
    return () => {
      if (removed) return
      removed = true
      this.#size--
      if (wanted.of === 'all') this.#all.delete(follower)
      else if (wanted.of === 'key') removeFrom(this.#byKey, wanted.key, follower)
      else if (removeFrom(this.#byPrefix, wanted.prefix, follower)) this.#countLength(wanted.prefix, -1)
    }
  }

  /** Those that want the changes of this key, without those that want all. */
  *wanting(key: string): Generator<F, void> {
    yield* this.#byKey.get(key) ?? []
    for (const length of this.#prefixLengths.keys()) {
      if (length <= key.length) yield* this.#byPrefix.get(key.slice(0, length)) ?? []
    }
  }

  *[Symbol.iterator](): Generator<F, void> {
    yield* this.#all
    for (const followers of [...this.#byKey.values(), ...this.#byPrefix.values()]) yield* followers
  }

  #countLength({ length }: string, change: number): void {
    const count = (this.#prefixLengths.get(length) ?? 0) + change
    if (count === 0) this.#prefixLengths.delete(length)
    else this.#prefixLengths.set(length, count)
  }
}

/** Returns whether the text is new. */
function addTo<F>(index: Map<string, Set<F>>, text: string, follower: F): boolean {
  const followers = index.get(text)
  followers?.add(follower)
  if (followers === undefined) index.set(text, new Set([follower]))
  return followers === undefined
}

/** Returns whether no follower of the text is left. */
function removeFrom<F>(index: Map<string, Set<F>>, text: string, follower: F): boolean {
  const followers = index.get(text)
  followers?.delete(follower)
  return followers?.size === 0 && index.delete(text)
}

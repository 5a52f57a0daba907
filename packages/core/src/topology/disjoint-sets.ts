/** Union-find. `join(a, b)` keeps the root of `a`. */
export class DisjointSets<T> {
  readonly #parents = new Map<T, T>()

  root(member: T): T {
    let root = member
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root)) root = parent
    // Every member on the path now points at the root, so that the next walk is short.
    for (let at = member; at !== root; ) {
      const next = this.#parents.get(at) ?? root
      this.#parents.set(at, root)
      at = next
    }
    return root
  }

  join(a: T, b: T): void {
    const [to, from] = [this.root(a), this.root(b)]
    if (to !== from) this.#parents.set(from, to)
  }
}

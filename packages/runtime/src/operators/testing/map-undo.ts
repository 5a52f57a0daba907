/** An entry of a store in a Map. */
interface MapEntry {
  value: unknown
  time: number
}

/** What a store in a Map needs to take changes back: the entries as they were before each change since the mark. */
export class MapUndo {
  #changes: { readonly entry: MapEntry; readonly value: unknown; readonly time: number }[] | undefined

  /** Call before each change of an entry. */
  note(entry: MapEntry): void {
    this.#changes?.push({ entry, value: entry.value, time: entry.time })
  }

  mark(): void {
    this.#changes = []
  }

  release(): void {
    this.#changes = undefined
  }

  rewind(): void {
    for (const { entry, value, time } of this.#changes?.reverse() ?? []) Object.assign(entry, { value, time })
    this.#changes = undefined
  }
}

/** A window of event time: from `start` (inclusive) to `end` (exclusive), ms since the epoch. */
export interface Window {
  readonly start: number
  readonly end: number
}

/** The key of a windowed table: a key, and the window that its value is for. */
export interface Windowed<K> {
  readonly key: K
  readonly window: Window
}

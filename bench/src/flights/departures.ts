/** A departure as it is planned. */
export interface Planned {
  readonly origin: string
  readonly destination: string
}

/** A departure as it happens. */
export interface Actual {
  /** Minutes; negative if it is early. */
  readonly delay: number
}

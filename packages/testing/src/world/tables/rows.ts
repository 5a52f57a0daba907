import { json } from '@millrace/core'

/**
 * A row of every table of the world. It has the ids of the source records that it comes from, sorted: each source record has its own. So a
 * row that was not taken back, or was taken back twice, shows.
 */
export interface Row {
  readonly ids: readonly string[]
  readonly size: number
  /** The target that the row refers to. */
  readonly ref: string | null
  readonly group: string
}

export const row = json<Row>()

/** The row of two, of which at least one is there. */
export function together(left: Row | null, right: Row | null): Row {
  return {
    ids: [...(left?.ids ?? []), ...(right?.ids ?? [])].sort(),
    size: (left?.size ?? 0) + (right?.size ?? 0),
    ref: left?.ref ?? right?.ref ?? null,
    group: left?.group ?? right?.group ?? 'none',
  }
}

/** The row as a total of its group. */
export function totalOf({ ids, size, group }: Row): Row {
  return { ids, size, ref: null, group }
}

export function withRow(total: Row, { ids, size, group }: Row): Row {
  return { ids: [...total.ids, ...ids].sort(), size: total.size + size, ref: null, group }
}

/** Takes a row out of a total. An id that is not in the total stays in the result, marked. */
export function withoutRow(total: Row, { ids, size }: Row): Row {
  const left = [...total.ids]
  for (const id of ids) {
    const at = left.indexOf(id)
    if (at >= 0) left.splice(at, 1)
    else left.push(`not there: ${id}`)
  }
  return { ...total, ids: left.sort(), size: total.size - size }
}

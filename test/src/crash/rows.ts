import type { Container } from '@millrace/runtime'
import type { Rows } from './oracle.ts'

/** All committed rows of a container's views, as text. */
export async function rowsOf(container: Container): Promise<Map<string, Rows>> {
  const views = new Map<string, Rows>()
  for (const { name, parts } of container.views) {
    const rows = new Map<string, string>()
    for (const { store } of parts) {
      const { entries } = await store.range({ limit: 1000 })
      for (const { key, value } of entries) rows.set(`${key}`, JSON.stringify(value))
    }
    views.set(name, rows)
  }
  return views
}

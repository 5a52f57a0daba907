import { MillraceClient } from '@millrace/client'
import { MillraceError } from '@millrace/core'

/** What the page saw. Its server returns it to the test. */
export interface Seen {
  readonly value?: unknown
  readonly entries?: readonly unknown[]
  readonly changed?: unknown
  readonly error?: string
}

// Runs in a browser: reads the views of the job that the page's address names, and reports what it saw.
async function look(): Promise<Seen> {
  // The types here are those of Node, which has everything else that this code uses.
  const { href } = Reflect.get(globalThis, 'location') as { readonly href: string }
  const { searchParams } = new URL(href)
  const token = searchParams.get('token')
  const client = new MillraceClient(searchParams.get('job') ?? '', token === null ? {} : { token })
  const view = client.view<string, number>('sums')
  const { value } = await view.lookup('k', { after: { numbers: { 0: 1 } } })
  const entries: unknown[] = []
  for await (const entry of view.all()) entries.push(entry)
  const changed = await new Promise<unknown>((resolve, reject) => {
    view.changes().subscribe({
      next: (event) => {
        // Only after the start event is it certain that the page receives a change.
        if (event.kind === 'start') fetch('/change', { method: 'POST' }).catch(reject)
        else resolve(event.entry)
      },
      error: reject,
    })
  })
  return { value, entries, changed }
}

look()
  .catch((error: unknown): Seen => ({ error: error instanceof MillraceError ? error.code : String(error) }))
  .then((seen) => fetch('/seen', { method: 'POST', body: JSON.stringify(seen) }))

import { MillraceClient } from '@millrace/client'
import { MillraceError } from '@millrace/core'

/** What the page saw. Its server returns it to the test. */
export interface Seen {
  readonly value?: unknown
  readonly entries?: readonly unknown[]
  readonly changed?: unknown
  /** What came after the job was killed and started again, in the same subscription. */
  readonly resumed?: unknown
  /** How often the page had to begin to follow. */
  readonly starts?: number
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
  const changes: unknown[] = []
  let starts = 0
  await new Promise<void>((resolve, reject) => {
    const post = (path: string) => void fetch(path, { method: 'POST' }).catch(reject)
    view.changes().subscribe({
      next: (event) => {
        // Only after the start event is it certain that the page receives a change.
        if (event.kind === 'start') {
          starts++
          post('/change')
        } else if (changes.push(event.entry) === 1) post('/restart')
        else resolve()
      },
      error: reject,
    })
  })
  const [changed, resumed] = changes
  return { value, entries, changed, resumed, starts }
}

look()
  .catch((error: unknown): Seen => ({ error: error instanceof MillraceError ? error.code : String(error) }))
  .then((seen) => fetch('/seen', { method: 'POST', body: JSON.stringify(seen) }))

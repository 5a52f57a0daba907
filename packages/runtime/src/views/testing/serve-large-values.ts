import { nodeEnv } from '@millrace/core/node'
import { startViewServer } from '../view-server.ts'
import { STATUS } from './served.ts'
import { openStoredView } from './stored-view.ts'

// Serves the view `large` of a directory, as a process whose memory a test bounds. Prints its URL, and ends with its stdin.
const [directory = ''] = process.argv.slice(2)
const stored = await openStoredView('large', directory, 10)
const server = await startViewServer({
  job: 'job',
  views: [stored.view],
  status: () => STATUS,
  env: nodeEnv(),
  token: null,
})
process.stdout.write(`${server.url}\n`)
for await (const _ of process.stdin);
await server.close()
await stored[Symbol.asyncDispose]()
process.exit()

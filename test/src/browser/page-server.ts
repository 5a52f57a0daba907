import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import type { Seen } from './page.ts'

/** Serves the page to a browser, and receives its reports. */
export interface PageServer extends AsyncDisposable {
  /** The origin of the page. */
  readonly origin: string
  /** What the page saw. */
  readonly seen: Promise<Seen>
}

/** `change` is called when the page waits for a change, and `restart` when it has had one. */
export async function servePage(change: () => Promise<unknown>, restart: () => Promise<unknown>): Promise<PageServer> {
  const script = await bundled(fileURLToPath(new URL('page.ts', import.meta.url)))
  const seen = Promise.withResolvers<Seen>()
  const server = createServer(async (request, response) => {
    if (request.url === '/page.js') return response.setHeader('content-type', 'text/javascript').end(script)
    if (request.url === '/change' || request.url === '/restart') {
      await (request.url === '/change' ? change() : restart()).catch(seen.reject)
      return response.end()
    }
    if (request.url === '/seen') {
      const body: Buffer[] = []
      for await (const chunk of request) body.push(chunk)
      response.end()
      return seen.resolve(JSON.parse(Buffer.concat(body).toString()) as Seen)
    }
    response.setHeader('content-type', 'text/html').end('<!doctype html><script type="module" src="/page.js"></script>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    origin: `http://localhost:${port}`,
    seen: seen.promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A page's code and everything that it imports as one module, as a bundler makes it for a browser. */
async function bundled(file: string): Promise<string> {
  const conditionNames = ['millrace-source', 'browser', 'import', 'default']
  const bundle = await rolldown({ input: file, platform: 'browser', resolve: { conditionNames } })
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
  await bundle.close()
  return output[0].code
}

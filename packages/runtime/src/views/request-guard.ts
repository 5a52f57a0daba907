import type { HttpBindings } from '@hono/node-server'
import { RefusedError } from '@millrace/core'
import type { MiddlewareHandler } from 'hono'
import { URL_BYTES_MAX } from './limits.ts'

/** Names under which a browser or a tool reaches this machine itself, whatever the port (a tunnel may change it). */
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i

/**
 * Refuses what no route needs to see: a `Host` that is not this machine (a web page whose name was rebound to
 * 127.0.0.1 sends its own), any method but GET, and an overlong URL.
 */
export const guardRequests: MiddlewareHandler<{ Bindings: HttpBindings }> = async (c, next) => {
  const host = c.req.header('host') ?? ''
  if (!LOOPBACK_HOST.test(host)) {
    throw new RefusedError(
      'HOST_REFUSED',
      `the Host header is ${JSON.stringify(host)}; this server answers to localhost, 127.0.0.1 and [::1] only`,
    )
  }
  if (c.req.method !== 'GET') {
    throw new RefusedError('METHOD_REFUSED', `${c.req.method} is not taken; everything here is read with GET`)
  }
  const url = c.env.incoming.url ?? ''
  if (url.length > URL_BYTES_MAX) {
    throw new RefusedError('BAD_REQUEST', `the URL has ${url.length} bytes; at most ${URL_BYTES_MAX} are taken`)
  }
  await next()
}

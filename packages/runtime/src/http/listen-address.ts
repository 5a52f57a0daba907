import { isIPv4 } from 'node:net'
import { RefusedError } from '@millrace/core'

/**
 * The address to listen on. Only this machine itself: `localhost`, `127.x.x.x` and `::1`. Any other is refused, because
 * there is no TLS yet: without it, others could read the token and every answer on the way.
 */
export function loopbackAddress(host: string): string {
  // Not left to the resolver, which may be configured differently.
  if (host === 'localhost') return '127.0.0.1'
  if (host === '::1' || (isIPv4(host) && host.startsWith('127.'))) return host
  throw new RefusedError(
    'ADDRESS_REFUSED',
    `The view server listens only on addresses of this machine, not on ${JSON.stringify(host)}, because it has no TLS yet. ` +
      'Listen on 127.0.0.1, and reach it from another machine through an SSH tunnel',
  )
}

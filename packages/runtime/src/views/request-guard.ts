import type { IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'
import { RefusedError } from '@millrace/core'
import { URL_BYTES_MAX } from './limits.ts'

/** A host as a header names it: a name or address, and maybe a port, whichever (a tunnel may change it). */
const HOST = /^([a-z0-9.]+|\[::1\])(:(\d{1,5}))?$/i
const PORT_MAX = 65_535

/**
 * Why a request is not answered, before anything else looks at it; undefined if it is. Refused are a `Host` that is not this
 * machine (a web page whose name was rebound to 127.0.0.1 sends its own), a target that is not a path (an absolute one names a
 * host beside the header), any method but GET and HEAD, and an overlong URL.
 */
export function refusalOf(request: IncomingMessage): RefusedError | undefined {
  const { url = '', method = '' } = request
  const hosts = request.headersDistinct['host'] ?? []
  const [host = ''] = hosts
  if (hosts.length !== 1 || !isThisMachine(host)) {
    return new RefusedError(
      'HOST_REFUSED',
      `the Host header is ${hosts.length > 1 ? 'given twice' : JSON.stringify(host)}; this server answers to localhost, ` +
        '127.0.0.1 and [::1] only',
    )
  }
  if (method !== 'GET' && method !== 'HEAD') {
    return new RefusedError('METHOD_REFUSED', `${method} is not taken; everything here is read with GET or HEAD`)
  }
  if (url.length > URL_BYTES_MAX) {
    return new RefusedError('BAD_REQUEST', `the URL has ${url.length} bytes; at most ${URL_BYTES_MAX} are taken`)
  }
  if (!url.startsWith('/')) {
    return new RefusedError('BAD_REQUEST', `the request is for ${JSON.stringify(url)}; give a path, such as /views`)
  }
  return undefined
}

/** Whether a browser or a tool reaches this machine itself by the name. */
function isThisMachine(host: string): boolean {
  const [, name = '', , port = '0'] = HOST.exec(host.toLowerCase()) ?? []
  const isLoopback = name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))
  return isLoopback && Number(port) <= PORT_MAX
}

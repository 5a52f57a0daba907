import { isIP, isIPv4 } from 'node:net'
import { RefusedError } from '@millrace/core'

/** The address of loopback that is meant: `localhost`, `127.x.x.x` or `::1`; undefined for every other host. */
export function loopbackAddress(host: string): string | undefined {
  // Not left to the resolver, which may be configured differently.
  if (host === 'localhost') return '127.0.0.1'
  return host === '::1' || (isIPv4(host) && host.startsWith('127.')) ? host : undefined
}

/** The address that is meant, which other machines may reach. Throws `ADDRESS_REFUSED` for what is not an address. */
export function anyAddress(host: string): string {
  const address = loopbackAddress(host) ?? host
  if (isIP(address) !== 0) return address
  throw new RefusedError(
    'ADDRESS_REFUSED',
    `${JSON.stringify(host)} is not an address. Give one of this machine, such as 192.168.1.5, or 0.0.0.0 for all of them`,
  )
}

/** Whether the address stands for all addresses of the machine. */
export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || /^[0:]+$/.test(address)
}

/** An address as a URL and a `Host` header have it. */
export function urlHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

import { isIPv6 } from 'node:net'

/** What counts as one address: a host of IPv6 usually has all addresses with the same first half (RFC 6177). */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: 4 }, () => '0')
  return [...groups, ...zeros].slice(0, 4).join(':')
}

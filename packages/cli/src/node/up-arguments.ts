import { resolve } from 'node:path'
import type { DataOptions } from '../data-option.ts'
import type { TlsOptions } from './tls-files.ts'

/** What a node is started with. */
export interface UpOptions extends DataOptions, TlsOptions {
  readonly host?: string
  readonly port: number
  readonly allowHost: readonly string[]
  readonly allowOrigin: readonly string[]
  readonly healthyAfter?: number
}

/** The arguments with which another process starts the same node, from whichever directory. No secret is among them. */
export function upArguments(options: UpOptions): readonly string[] {
  const { data, host, port, tlsCert, tlsKey, allowHost, allowOrigin, healthyAfter } = options
  return [
    'up',
    '--data',
    resolve(data),
    '--port',
    `${port}`,
    ...(host === undefined ? [] : ['--host', host]),
    ...(tlsCert === undefined ? [] : ['--tls-cert', resolve(tlsCert)]),
    ...(tlsKey === undefined ? [] : ['--tls-key', resolve(tlsKey)]),
    ...allowHost.flatMap((name) => ['--allow-host', name]),
    ...allowOrigin.flatMap((origin) => ['--allow-origin', origin]),
    ...(healthyAfter === undefined ? [] : ['--healthy-after', `${healthyAfter}ms`]),
  ]
}

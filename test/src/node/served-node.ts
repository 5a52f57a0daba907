import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeClient } from '@millrace/client'
import { memoryLog } from '@millrace/connectors/memory'
import { type Env, type JobPlan, job, json, stream, string, topic } from '@millrace/core'
import { nodeEnv, socketFetch } from '@millrace/core/node'
import {
  type Artefact,
  encodeArtefact,
  makeArtefact,
  Node,
  type NodeServerOptions,
  planJob,
  startNodeServer,
} from '@millrace/runtime'
import { onTestFinished } from 'vitest'
import { FakeContainers } from './fake-containers.ts'

export const READ = 'a-token-for-reading-0123'
export const ADMIN = 'a-token-for-changes-0123'

const numbers = topic('numbers', { key: string(), value: json<number>() })

const counts = job('counts', stream(numbers).groupByKey().count('counts'))

/** What a first start of the job `counts` would change, if there is the topic `numbers`. */
export async function planOfCounts(): Promise<JobPlan> {
  const log = memoryLog(nodeEnv())
  try {
    await log.admin.createTopic('numbers')
    return await planJob(counts, { log, env: nodeEnv() })
  } finally {
    await log.close()
  }
}

/** An artefact of the job `counts`, with this code. */
export function countsArtefact(code = 'export default 1'): Artefact {
  const contents = new Map([
    ['job.mjs', Buffer.from(code)],
    ['job.mjs.map', Buffer.from('{}')],
  ])
  return makeArtefact(counts, { millrace: '1', source: 'job.ts', externals: [], contents })
}

/** A node with fake containers, and its server, which end with the test. */
export async function servedNode(options: Partial<NodeServerOptions> = {}, healthyAfterMs = 10) {
  const env: Env = options.env ?? nodeEnv()
  const directory = mkdtempSync(join(tmpdir(), 'millrace-node-'))
  const log = memoryLog(env)
  const containers = new FakeContainers()
  const node = await Node.open({ log, env, data: directory, start: containers.start, healthyAfterMs })
  const about = () => ({ version: '1', pid: process.pid, data: directory, sinceMs: 0, url: '' })
  const socket = join(directory, 'node.sock')
  const at = { node, env, about, port: 0, socket }
  const server = await startNodeServer({ ...at, readToken: READ, adminToken: ADMIN, ...options })
  onTestFinished(async () => {
    await server.close()
    await node.close()
    await log.close()
    rmSync(directory, { recursive: true })
  })
  const admin = new NodeClient('http://localhost', { fetch: socketFetch(socket) })
  const deploy = async () => {
    const { deployment } = await admin.deploy(await admin.upload(encodeArtefact(countsArtefact())))
    return deployment
  }
  /** Lets a listener answer in place of the views of a container of the job `counts`, and deploys the job. */
  const deployWithViews = async (listener: RequestListener) => {
    const path = join(directory, 'views.sock')
    const views = createServer(listener)
    await new Promise<void>((resolve) => views.listen(path, resolve))
    onTestFinished(() => {
      views.closeAllConnections()
      views.close()
    })
    containers.behave = (container) =>
      container.reports.next({ kind: 'running', url: 'http://127.0.0.1:1', address: `unix:${path}` })
    await deploy()
  }
  /** Sends bytes to the port as they are; resolves with what comes back until the server closes. */
  const exchange = (sent: string) =>
    new Promise<string>((resolve) => {
      let received = ''
      const client = connect(Number(new URL(server.url).port), '127.0.0.1', () => client.write(sent))
      client.on('data', (bytes) => {
        received += bytes.toString('latin1')
      })
      client.on('error', () => undefined)
      client.on('close', () => resolve(received))
    })
  return { directory, containers, node, server, admin, deploy, deployWithViews, exchange }
}

/** The head of a request with a token. */
export function head(line: string, ...headers: readonly string[]): string {
  const all = [`${line} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${ADMIN}`, ...headers]
  return `${all.join('\r\n')}\r\n\r\n`
}

/** The status of a raw answer, and the code in its body. */
export function statusAndCode(answer: string): [status: number, code: unknown] {
  const [first = '', ...rest] = answer.split('\r\n\r\n')
  return [Number(first.split(' ')[1]), JSON.parse(rest.join('').match(/\{.*\}/)?.[0] ?? '{}').code]
}

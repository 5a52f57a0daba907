import { readFileSync } from 'node:fs'
import type { NodeDescription } from '@millrace/client'
import type { Env } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { encodeArtefact } from '@millrace/runtime'
import { expect, test } from 'vitest'
import { repository } from '../structure/source-files.ts'
import { ADMIN, countsArtefact, planOfCounts, servedNode } from './served-node.ts'

/** An example: a request, a body if it is a change, a blank line, the status, the answer. */
const EXAMPLE = /```http\n(GET|POST) (\S+)\n(\{.*?\}\n)?\n(\d{3})\n(.*?)```/gs
/** The id that the reference uses. */
const ID = /"([0-9a-f]{64})"/

const NOW_MS = 1_788_253_200_000
const HEALTHY_MS = 3_000

/** The outside world at one moment, in which new containers are healthy at once. */
function stillEnv(): Env {
  const env = nodeEnv()
  const after: Env['timers']['after'] = (delayMs, callback) =>
    env.timers.after(delayMs === HEALTHY_MS ? 0 : delayMs, callback)
  const timers = { after, turn: () => env.timers.turn() }
  return { ...env, clock: { now: () => NOW_MS, monotonic: () => 0 }, timers }
}

/** The values of a text that has one JSON value after the other, each of which begins a line. */
function values(text: string): unknown[] {
  return text
    .trim()
    .split(/\n(?=\{)/)
    .map((value) => JSON.parse(value))
}

const reference = readFileSync(new URL('docs/reference/http.md', repository), 'utf8')
const [, ofNode = ''] = reference.split('\n# The HTTP API of a node\n')

test('the reference reports what a node answers, request after request', async () => {
  const about = (): NodeDescription => ({
    version: '0.1.0',
    pid: 4242,
    data: '/var/lib/millrace',
    sinceMs: NOW_MS,
    url: 'http://127.0.0.1:4700',
    disk: { freeBytes: 180_000_000_000, totalBytes: 250_000_000_000 },
  })
  const { admin, server, containers } = await servedNode({ env: stillEnv(), about }, HEALTHY_MS)
  const text = 'Stores\n  + counts  new: counts from the start of topic numbers on\n\n…'
  const planned = { plan: await planOfCounts(), text }
  containers.behave = (container) => (container.spec.planOnly ? container.plan(planned) : container.run())
  const id = await admin.upload(encodeArtefact(countsArtefact()))
  const named = ofNode.replaceAll(ID.exec(ofNode)?.[1] ?? '', id)
  const examples = [...named.matchAll(EXAMPLE)]
  expect(examples.length).toBe((ofNode.match(/```http/g) ?? []).length)
  expect(examples.length).toBeGreaterThan(7)
  const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' }
  for (const [, method = '', path = '', body, status, expected = ''] of examples) {
    const answer = await fetch(`${server.url}${path}`, { method, headers, ...(body !== undefined && { body }) })
    expect([path, answer.status, values(await answer.text())]).toEqual([path, Number(status), values(expected)])
  }
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { chromiumCommand, openPage } from './browser/chromium.ts'
import type { Seen } from './browser/page.ts'
import { servePage } from './browser/page-server.ts'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 120_000
const ONE = '{"key":"k","valueBase64":"AAAAAQ=="}\n'

const command = chromiumCommand()

beforeEach((context) => {
  if (command !== undefined) return
  const missing = 'no Chromium: install one, or name it in MILLRACE_CHROMIUM'
  if (process.env['CI'] !== undefined) throw new Error(`CI must have a browser: ${missing}`)
  context.skip(missing)
})

/** What a page in a browser sees of a running job. */
async function seenBy({ allowed, token }: { readonly allowed: boolean; readonly token: boolean }): Promise<Seen> {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  const produce = () => succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: ONE })
  await succeed(['topics', 'create', 'numbers', ...data])
  await produce()
  const file = folder.write('job.ts', SUMMING_JOB)
  /** Starts the job for a page, on a port. */
  const run = (origin: string, port: string) =>
    start(['run', '--no-check', file, '--port', port, '--allow-origin', origin, ...data])
  const restart = async () => {
    job.child.kill('SIGKILL')
    await job.ended
    await produce()
    job = run(origin, new URL(url).port)
  }
  await using page = await servePage(produce, restart)
  const origin = allowed ? page.origin : 'https://ops.example.com'
  let job = run(origin, '0')
  const [, url = ''] = await job.line(/served at (http:\S+)/)
  const shown = token ? { token: readFileSync(join(folder.data, 'token'), 'utf8').trim() } : {}
  const address = `${page.origin}/?${new URLSearchParams({ job: url, ...shown })}`
  try {
    return await openPage(command ?? '', address, page.seen)
  } finally {
    job.child.kill('SIGTERM')
    await job.ended
  }
}

test('a page of an allowed origin reads a view, and follows its changes also across the end of the job by kill -9', {
  timeout: TIMEOUT_MS,
}, async () => {
  expect(await seenBy({ allowed: true, token: true })).toEqual({
    value: 1,
    entries: [{ key: 'k', value: 1 }],
    changed: { key: 'k', value: 2 },
    resumed: { key: 'k', value: 3 },
    starts: 1,
  })
})

test('a page without the token gets the reason of the refusal', { timeout: TIMEOUT_MS }, async () => {
  expect(await seenBy({ allowed: true, token: false })).toEqual({ error: 'TOKEN_REFUSED' })
})

test('a page of another origin reads nothing, even with the token', { timeout: TIMEOUT_MS }, async () => {
  expect(await seenBy({ allowed: false, token: true })).toEqual({ error: 'SERVER_UNREACHABLE' })
})

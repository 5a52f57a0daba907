import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { type Started, start, succeed } from './flights/command.ts'
import { ResumingClient } from './runtime/resuming-client.ts'

const TOKEN = 'resumed-changes-of-processes'
const KEYS = 5
const KILLS = 3

const JOB = `
import { json, job, string, table, topic } from '@millrace/core'

export default job('rows', table(topic('numbers', { key: string(), value: json() }), 'latest'))
`

interface Process {
  readonly started: Started
  readonly view: string
}

test('after kill -9, a client continues at the process that takes the task over, and has every change once', {
  timeout: 120_000,
}, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  await succeed(['topics', 'create', 'numbers', ...data])
  let value = 0
  const expected = new Map<string, number>()
  const produce = async () => {
    const lines = Array.from({ length: 200 }, () => {
      value++
      expected.set(`k${value % KEYS}`, value)
      return `${JSON.stringify({ key: `k${value % KEYS}`, value })}\n`
    })
    await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: lines.join('') })
  }
  const args = ['run', '--no-check', folder.write('job.ts', JOB), ...data]
  const open = async (): Promise<Process> => {
    const started = start(args, { env: { MILLRACE_TOKEN: TOKEN } })
    return { started, view: `${(await started.line(/served at (\S+)\n/))[1]}/views/latest` }
  }
  const client = new ResumingClient('', TOKEN)
  // Until its process has the task, the whole view cannot be followed there.
  const connect = async ({ view }: Process) => {
    const until = performance.now() + 30_000
    for (;;) {
      try {
        return await client.connect(view)
      } catch (error) {
        if (performance.now() > until) throw error
        await setTimeout(20)
      }
    }
  }
  let owner = await open()
  await connect(owner)
  for (let kill = 0; kill < KILLS; kill++) {
    const next = await open()
    const produced = produce()
    // Before, during or after the commits of these records.
    await setTimeout(kill * 200)
    owner.started.child.kill('SIGKILL')
    await owner.started.ended
    await client.disconnect()
    await produced
    owner = next
    await connect(owner)
    await produce()
  }
  await expect.poll(() => client.copy, { timeout: 20_000 }).toEqual(expected)
  await client.disconnect()
  owner.started.child.kill('SIGTERM')
  await owner.started.ended
  expect(client.resets).toEqual([])
  for (let key = 0; key < KEYS; key++) {
    const values = client.changes.flatMap((change) => (change.startsWith(`k${key}=`) ? [Number(change.slice(3))] : []))
    expect(values).toEqual([...new Set(values)].toSorted((a, b) => a - b))
  }
})

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { UserFolder } from '../command/job-files.ts'
import { run } from '../flights/command.ts'

const TIMEOUT_MS = 120_000

const CHOSEN = 'a-token-that-a-user-chose'

/** A job that prints, in a container, all that it knows of its process, and what a terminal would act on. */
const PRINTING_JOB = `
import { job, json, stream, string, topic } from '@millrace/core'

if (process.argv.includes('container')) {
  console.log(JSON.stringify([process.argv, process.title, process.env]))
  console.error('\\u001b]0;renamed\\u0007 \\u001b[2J cleared \\u202e reversed')
}
const numbers = topic('numbers', { key: string(), value: json<number>() })
export default job('printing', stream(numbers).groupByKey().count('counts'))
`

/** All files below a directory, as paths. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).map(({ parentPath, name }) =>
    join(parentPath, name),
  )
}

/** What any user of the machine sees of a process, and what its own user does. */
function processText(pid: number, withEnvironment: boolean): string {
  const names = ['cmdline', 'comm', 'status', ...(withEnvironment ? ['environ'] : [])]
  return names.map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8')).join('\n')
}

test.skipIf(process.platform !== 'linux')(
  'no token is printed, logged, stored in another file, or in the arguments and the environment of a container',
  { timeout: TIMEOUT_MS },
  async () => {
    const folder = new UserFolder()
    const env = { MILLRACE_TOKEN: CHOSEN, MILLRACE_DEBUG: '1' }
    const texts = new Map<string, string>()
    const command = async (...args: string[]) => {
      const { stdout, stderr } = await run([...args, '--data', folder.data], { env })
      texts.set(args.join(' '), `${stdout}${stderr}`)
      return stdout
    }
    onTestFinished(async () => {
      await run(['down', '--data', folder.data])
      folder[Symbol.dispose]()
    })
    await command('topics', 'create', 'numbers')
    await command('up', '--detach', '--port', '0', '--healthy-after', '100ms')
    const file = folder.write('job.ts', PRINTING_JOB)
    await command('deploy', file, '--containers', '2', '--no-check', '--why', 'to print')
    const status: { containers: { pid: number }[] } = JSON.parse(await command('status', 'printing', '--json'))
    for (const args of ['jobs', 'status', 'history printing', 'history printing --json', 'logs printing', 'doctor']) {
      await command(...args.split(' '))
    }
    for (const args of ['rollback printing', 'scale printing 999', 'stop another', 'up --port 0'])
      await command(...args.split(' '))
    await command('logs', 'printing', '--json')

    const announced: { url: string; pid: number } = JSON.parse(
      readFileSync(join(folder.data, 'node/node.json'), 'utf8'),
    )
    const tokens = ['token', 'admin-token'].map((name) => readFileSync(join(folder.data, name), 'utf8').trim())
    const [read = '', admin = ''] = tokens
    for (const path of [
      '/node',
      '/jobs',
      '/jobs/printing',
      '/jobs/printing/history',
      '/jobs/printing/logs',
      '/nothing',
    ]) {
      for (const token of [read, admin, 'a-wrong-token-0123456789', `${admin}x`]) {
        const answer = await fetch(`${announced.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
        texts.set(`${path} with ${token}`, `${await answer.text()}${JSON.stringify([...answer.headers])}`)
      }
    }
    texts.set('the node as a process', processText(announced.pid, false))
    for (const { pid } of status.containers) texts.set(`container ${pid} as a process`, processText(pid, true))
    const files = filesBelow(folder.data).filter((path) => !/\/(admin-)?token$/.test(path) && statSync(path).isFile())
    for (const path of files) texts.set(path, readFileSync(path, 'latin1'))

    expect(files.filter((path) => path.includes('/node/')).length).toBeGreaterThan(4)
    for (const [place, text] of texts) {
      const found = [...tokens, CHOSEN].filter((token) => token !== '' && text.includes(token))
      expect([place, found]).toEqual([place, []])
    }
    expect(texts.get('logs printing')).toContain('\\u001b]0;renamed\\u0007')
    for (const command of ['logs printing', 'status', 'history printing']) {
      const text = texts.get(command) ?? ''
      expect([command, ['\u0007', '\u001b', '\u202e'].filter((character) => text.includes(character))]).toEqual([
        command,
        [],
      ])
    }
  },
)

test('what a node writes is for its user alone, whatever the umask', { timeout: TIMEOUT_MS }, async () => {
  const folder = new UserFolder()
  const before = process.umask(0)
  onTestFinished(async () => {
    process.umask(before)
    await run(['down', '--data', folder.data])
    folder[Symbol.dispose]()
  })
  const data = ['--data', folder.data]
  await run(['topics', 'create', 'numbers', ...data])
  await run(['up', '--detach', '--port', '0', '--healthy-after', '100ms', ...data])
  const deployed = await run(['deploy', folder.write('job.ts', PRINTING_JOB), '--no-check', ...data])
  expect(deployed.code).toBe(0)
  const paths = [...filesBelow(join(folder.data, 'node')), join(folder.data, 'token'), join(folder.data, 'admin-token')]
  const open = paths.filter((path) => (statSync(path).mode & 0o077) !== 0)
  expect(open).toEqual([])
  expect(paths.some((path) => path.endsWith('log.ndjson'))).toBe(true)
})

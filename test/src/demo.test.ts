import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { FLIGHTS_IN_FILE } from '@millrace/job-flights'
import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, succeed } from './flights/command.ts'

const DEMO = fileURLToPath(new URL('../../jobs/flights/src/demo.ts', import.meta.url))

test('the demo answers the queries that it prints, and continues where it was when it is run again', {
  timeout: 300_000,
}, async (context) => {
  if (process.env['CI'] !== 'true') context.skip('takes a minute; CI=true runs it')
  using folder = new UserFolder()
  for (let round = 0; round < 2; round++) {
    const demo = startDemo(folder.path)
    const output = await demo.until('tail delays-by-hour')
    const commands = [...output.matchAll(/\$ npx millrace (.+)/g)].map(([, command = '']) => command.split(' '))
    expect(commands).toHaveLength(4)
    for (const command of commands) {
      const { code, stdout, stderr } = await run(command, { cwd: folder.path })
      expect(code, `${command.join(' ')}: ${stderr}`).toBe(0)
      expect(stdout).not.toBe('')
    }
    demo.child.kill('SIGTERM')
    expect(await demo.code).toBe(0)
  }
  const topics = (await succeed(['topics', 'list', '--json'], { cwd: folder.path })).trim().split('\n')
  const flights = topics.map((line) => JSON.parse(line)).find(({ topic }) => topic === 'flights')
  expect(flights.offsets).toBe(FLIGHTS_IN_FILE)
})

function startDemo(cwd: string) {
  const child = spawn(process.execPath, ['--conditions=millrace-source', DEMO], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const code = new Promise<number | null>((resolve) => {
    child.on('close', resolve)
  })
  const until = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const listen = (chunk: Buffer) => {
        output += chunk.toString()
        if (output.includes(text)) resolve(output)
      }
      child.stdout.on('data', listen)
      child.stderr.on('data', listen)
      void code.then(() => reject(new Error(`the demo ended: ${output}`)))
    })
  return { child, code, until }
}

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NodeClient } from '@millrace/client'
import { expect, onTestFinished, test } from 'vitest'
import { UserFolder } from '../command/job-files.ts'
import { run, succeed } from '../flights/command.ts'

const TIMEOUT_MS = 120_000

const SUMMING_JOB = `
import { job, json, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json<number>() })
export default job('summing', stream(numbers).groupByKey().reduce('sums', (a, b) => a + b))
`

test('a plan over HTTP has the words and the values of the command, and changes nothing', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = new UserFolder()
  const data = ['--data', folder.data]
  onTestFinished(async () => {
    await run(['down', ...data])
    folder[Symbol.dispose]()
  })
  await succeed(['topics', 'create', 'numbers', ...data])
  await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: '{"key":"a","value":1}\n' })
  await succeed(['up', '--detach', '--port', '0', '--healthy-after', '200ms', ...data])
  const job = folder.write('job.ts', `console.log('loads')\n${SUMMING_JOB}`)
  await succeed(['deploy', job, '--no-check', ...data])
  const query = () => run(['query', 'sums', 'a', '--json', ...data])
  await expect.poll(async () => (await query()).stdout, { timeout: TIMEOUT_MS }).toContain('"value":1')
  const [deployed = ''] = readdirSync(join(folder.data, 'node/artefacts'))
  const changed = folder.write('changed.ts', SUMMING_JOB.replace("'sums'", "'other'"))
  expect((await run(['deploy', changed, '--no-check', ...data])).code).toBe(5)
  const [refused = ''] = readdirSync(join(folder.data, 'node/artefacts')).filter((id) => id !== deployed)
  const { url } = JSON.parse(readFileSync(join(folder.data, 'node/node.json'), 'utf8'))
  const node = new NodeClient(url, { token: readFileSync(join(folder.data, 'admin-token'), 'utf8').trim() })
  for (const [artefact, file, acceptLoss] of [
    [deployed, job, []],
    [refused, changed, []],
    [refused, changed, ['other']],
  ] as const) {
    const { plan, text } = await node.plan(artefact, { acceptLoss })
    const command = ['plan', file, '--no-check', ...acceptLoss.flatMap((store) => ['--accept-loss', store]), ...data]
    const printed = (await run([...command, '--json'])).stdout.split('\n').find((line) => line.startsWith('{'))
    expect(plan).toEqual(JSON.parse(printed ?? ''))
    expect((await run(command)).stdout.endsWith(`${text}\n`)).toBe(true)
    expect(plan.refusals.length > 0).toBe(artefact === refused && acceptLoss.length === 0)
  }
  expect(await node.job('summing')).toMatchObject({ phase: 'running', deployment: { release: { artefact: deployed } } })
})

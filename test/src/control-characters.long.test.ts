import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 60_000

/** Renames a terminal's window, returns to the start of the line, reverses text, and is red (C1). */
const EVIL = '\x1b]0;renamed\x07\rhidden\u202eback\u2066\x9b31m\x7f'
const ESCAPED = String.raw`\u001b]0;renamed\u0007\rhidden\u202eback\u2066\u009b31m\u007f`
/** No character that a terminal acts on, except line ends. */
const HARMLESS = /^[^\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$/u

const JOB = `
import { json, job, stream, string, topic } from '@millrace/core'

const texts = topic('texts', { key: string(), value: json() })
export default job('latest', stream(texts).groupByKey().reduce('last', (_, next) => next))
`

function expectHarmless(output: string): void {
  for (const line of output.split('\n')) expect(line).toMatch(HARMLESS)
}

test('control characters in records never reach a terminal, and are not changed for a program', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  const record = { key: EVIL, value: { [EVIL]: EVIL } }
  await succeed(['topics', 'create', 'texts', ...data])
  const produce = () =>
    succeed(['topics', 'produce', 'texts', '--records', ...data], { stdin: `${JSON.stringify(record)}\n` })
  await produce()
  const tail = ['topics', 'tail', 'texts', '--from', 'start', '--until-end', ...data]
  const tailed = await succeed(tail)
  expectHarmless(tailed)
  expect(tailed).toContain(ESCAPED)
  expect(JSON.parse(await succeed([...tail, '--json']))).toMatchObject(record)
  expectHarmless(await succeed(['log', 'dump', 'texts', '0', '--records', ...data]))
  expectHarmless(await succeed(['topics', 'describe', 'texts', ...data]))

  const job = start(['run', '--no-check', folder.write('job.ts', JOB), ...data])
  await job.line(/served at/)
  const after = ['--after', 'texts/0=1']
  for (const query of [['last'], ['last', EVIL]]) {
    const shown = await succeed(['query', ...query, ...after, ...data])
    expectHarmless(shown)
    expect(shown).toContain(ESCAPED)
    expect(JSON.parse(await succeed(['query', ...query, '--json', ...data]))).toEqual(record)
  }
  const [people, program] = [start(['watch', 'last', ...data]), start(['watch', 'last', '--json', ...data])]
  for (const watch of [people, program]) await watch.line(/Watching/)
  await produce()
  for (const watch of [people, program]) {
    await watch.line(/hidden/)
    watch.child.kill('SIGTERM')
  }
  expectHarmless((await people.ended).stdout)
  expect(JSON.parse((await program.ended).stdout)).toEqual(record)

  const errors = [
    ['query', 'last', `${EVIL}missing`, ...data],
    ['query', EVIL, ...data],
    ['topics', 'describe', EVIL, ...data],
    ['topics', 'tail', EVIL, ...data],
    [EVIL],
  ]
  for (const args of errors) {
    const { code, stderr } = await run(args)
    expect(code).not.toBe(0)
    expectHarmless(stderr)
  }
  job.child.kill('SIGTERM')
  const { stderr } = await job.ended
  expectHarmless(stderr)
})

test('control characters in files and in their names never reach a terminal', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  const name = 'a\x1b[31mb'
  const data = ['--data', folder.directory(`data-${name}`)]
  const file = folder.write(`${name}.csv`, `id,${name}\n1,2\n`)
  const output = [
    await run(['topics', 'import', 'texts', file, '--key', 'id', '--event-time', 'now', ...data]),
    await run(['topics', 'produce', 'texts', '--timestamp-field', name, ...data], { stdin: `{"${name}":5}\n` }),
    await run(['topics', 'import', 'texts', file, '--key', name, '--event-time', 'now', ...data]),
    await run(['backup', `${folder.path}/backup-${name}`, ...data]),
    await run(['restore', `${folder.path}/backup-${name}`, '--data', `${folder.path}/restored-${name}`]),
    await run(['topics', 'list', '--data', folder.directory(`empty-${name}`)]),
    await run(['reset', 'nothing', ...data]),
  ]
  for (const { stdout, stderr } of output) expectHarmless(stdout + stderr)
  expect(output[0]?.stderr).toContain('a\\u001b[31mb')
})

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 60_000

/** A topic of three batches with one record each, and the path of its only segment. */
async function threeBatches(folder: UserFolder): Promise<string> {
  const millrace = (args: string[], stdin = '') => succeed([...args, '--data', folder.data], { stdin })
  await millrace(['topics', 'create', 'a'])
  for (const value of ['one', 'two', 'three']) {
    await millrace(['topics', 'produce', 'a', '--key', 'k', '--timestamp', '5'], `${value}\n`)
  }
  return join(folder.data, 'topics/a/0/00000000000000000000.log')
}

/** Changes a byte of the record with this value. */
function damage(segment: string, value: string): void {
  const content = readFileSync(segment)
  const at = content.indexOf(value)
  content[at] = (content[at] ?? 0) ^ 1
  writeFileSync(segment, content)
}

const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

test('verify reports what is damaged and where, and exits with 1, and otherwise with 0', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  const segment = await threeBatches(folder)
  const whole = await run(['log', 'verify', '--data', folder.data])
  expect(whole).toMatchObject({ code: 0, stdout: '' })
  expect(whole.stderr).toContain('3 batches')
  damage(segment, 'two')
  const { code, stdout, stderr } = await run(['log', 'verify', 'a', '0', '--data', folder.data])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^damage {3}.*0{20}\.log, bytes \d+ to \d+, offset 1: the checksum/)
  expect(stderr).toContain(`LOG_DAMAGED`)
  expect(stderr).toContain(`millrace log dump a 0 --offset 1 --data ${folder.data}`)
  const json = await run(['log', 'verify', '--json', '--data', folder.data])
  expect(lines(json.stdout)).toMatchObject([{ severity: 'damage', topic: 'a', partition: 0, file: segment, offset: 1 }])
})

test('a job or a tail that meets damage names the command that shows it', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  damage(await threeBatches(folder), 'two')
  const { code, stderr } = await run(['topics', 'tail', 'a', '--from', 'start', '--until-end', '--data', folder.data])
  expect(code).toBe(1)
  const [, command = ''] = /"millrace (log dump [^"]*)"/.exec(stderr) ?? []
  expect(await succeed([...command.split(' '), '--limit', '1'])).toMatch(/^damage: offset 1; .*checksum/)
})

test('dump shows the batches and records around damage', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  damage(await threeBatches(folder), 'two')
  const dump = (...args: string[]) => succeed(['log', 'dump', 'a', '0', ...args, '--data', folder.data])
  const text = (await dump()).trim().split('\n')
  expect(text).toMatchObject(
    [/^offset 0; byte 0, \d+ B; 1 record; 1970/, /^damage: offset 1;/, /^offset 2;/].map((line) =>
      expect.stringMatching(line),
    ),
  )
  expect(lines(await dump('--json'))).toMatchObject([
    { kind: 'batch', topic: 'a', partition: 0, baseOffset: 0, nextOffset: 1, records: 1, control: false },
    { kind: 'damage', offset: 1, nextOffset: 2 },
    { kind: 'batch', baseOffset: 2 },
  ])
  expect(lines(await dump('--records', '--json'))).toMatchObject([
    { offset: 0, timestamp: 5, key: 'k', valueText: 'one' },
    { kind: 'damage' },
    { offset: 2, valueText: 'three' },
  ])
  expect((await dump('--offset', '2', '--records')).trim()).toMatch(/^0:2 1970.* k three$/)
  expect((await dump('--limit', '1')).trim().split('\n')).toHaveLength(1)
})

test('repair reports what would be lost, repairs with --yes, and a job then runs', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  const segment = await threeBatches(folder)
  damage(segment, 'two')
  const before = readFileSync(segment)
  const args = ['log', 'repair', 'a', '0', '--data', folder.data]
  const answer = await run(args)
  expect(answer.code).toBe(1)
  expect(answer.stdout).toMatch(/^damage .*\nWould lose offset 1,/)
  expect(answer.stderr).toMatch(/LOG_DAMAGED.*Nothing was changed/)
  expect(readFileSync(segment)).toEqual(before)
  const done = await succeed([...args, '--yes'])
  expect(done).toContain('Lost offset 1,')
  const kept = join(folder.data, 'damaged/a/0/00000000000000000000.log')
  expect(done).toContain(kept)
  expect(readFileSync(kept)).toEqual(before)
  expect(await succeed(['log', 'verify', '--data', folder.data])).toBe('')
  const tail = ['topics', 'tail', 'a', '--from', 'start', '--until-end', '--json', '--data', folder.data]
  expect(lines(await succeed(tail))).toMatchObject([{ offset: 0 }, { offset: 2, valueText: 'three' }])
  expect(await succeed(args)).toBe('Partition a/0 needs no repair\n')
})

test('repair is refused while a job runs', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  await succeed(['topics', 'create', 'numbers', ...data])
  const stdin = `${JSON.stringify({ key: 'k', valueBase64: Buffer.from([0, 0, 0, 40]).toString('base64') })}\n`
  await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin })
  const job = start(['run', '--no-check', folder.write('job.ts', SUMMING_JOB), ...data])
  await job.line(/served at/)
  expect(await succeed(['query', 'sums', 'k', '--json', '--after', 'numbers/0=1', ...data])).toContain('40')
  const segment = join(folder.data, 'topics/numbers/0/00000000000000000000.log')
  writeFileSync(segment, readFileSync(segment).fill(1))
  const refused = await run(['log', 'repair', 'numbers', '0', '--yes', ...data])
  expect(refused.stderr).toContain('PARTITION_IN_USE')
  expect(refused.code).toBe(5)
  job.child.kill('SIGTERM')
  await job.ended
  expect(await succeed(['log', 'repair', 'numbers', '0', '--yes', ...data])).toContain('Lost offset 0,')
})

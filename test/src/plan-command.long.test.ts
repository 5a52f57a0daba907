import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 120_000

test('a plan without a data directory lists what is missing, and makes nothing', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const job = folder.write('job.ts', SUMMING_JOB)
  const planned = await run(['plan', job, '--data', folder.data])
  expect(planned.code).toBe(4)
  expect(planned.stdout).toContain('! numbers            source: is missing\n')
  expect(planned.stderr).toContain('TOPIC_MISSING: Job summing cannot start:')
  expect(existsSync(folder.data)).toBe(false)
  // An empty directory is not a data directory yet, and stays empty.
  const empty = folder.directory('empty')
  expect((await run(['plan', job, '--no-check', '--data', empty])).code).toBe(4)
  expect(existsSync(`${empty}/millrace.json`)).toBe(false)
  const file = await run(['plan', job, '--no-check', '--data', job])
  expect(file.stderr).toContain('DATA_VERSION')
})

test('a plan while the job runs ends as the start of the changed job does, which comes after it', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  const data = ['--no-check', '--data', folder.data]
  const stdin = '{"key":"k","valueBase64":"AAAAAQ=="}\n'
  await succeed(['topics', 'create', 'numbers', '--data', folder.data])
  await succeed(['topics', 'produce', 'numbers', '--records', '--data', folder.data], { stdin })
  const former = folder.write('former.ts', SUMMING_JOB)
  const windows = "window(tumbling('1h')).reduce('sums'"
  const changed = folder.write(
    'changed.ts',
    SUMMING_JOB.replace('topic }', 'topic, tumbling }').replace("reduce('sums'", windows),
  )
  const job = start(['run', former, ...data])
  await job.line(/served at/)
  const counted = () => run(['query', 'sums', 'k', '--data', folder.data]).then(({ code }) => code)
  await expect.poll(counted, { timeout: 20_000 }).toBe(0)
  const same = await run(['plan', former, '--before', former, ...data])
  expect(same).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing changes.\n'), stderr: '' })
  const refused = await run(['plan', changed, '--before', former, ...data])
  expect(refused.code).toBe(5)
  expect(refused.stdout).toContain('! sums  would start empty: what it holds is lost')
  const json = await run(['plan', changed, '--json', ...data])
  expect(JSON.parse(json.stdout)).toMatchObject({
    job: 'summing',
    change: 'accept-loss',
    stores: [{ store: 'sums', fate: 'empty', loses: 'content', acceptLoss: true, accepted: false }],
    refusals: [{ code: 'STORE_CHANGED' }],
  })
  const accepted = await run(['plan', changed, '--accept-loss', 'sums', ...data])
  expect(accepted).toMatchObject({ code: 0, stdout: expect.stringContaining('~ sums  starts empty: ') })
  job.child.kill('SIGTERM')
  await job.ended
  const started = await run(['run', '--until-end', changed, ...data])
  expect(started).toMatchObject({ code: refused.code, stderr: refused.stderr })
})
